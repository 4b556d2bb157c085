# %% [markdown]
# # Why is my loss stuck?
#
# A diagnosis trains small heads on your features with each loss, and measures what the losses do to them: how far
# classes spread and lie apart, how many pairs or triplets still have a gradient, and how large it is.

# %%
import overtone

diagnosis = overtone.diagnose(
    "toy-classes", losses=["triplet", "contrastive", "infonce"], seeds=2, settings={"epochs": 8}
)
diagnosis

# %% [markdown]
# The share of terms that are active. Where it falls to nearly nothing, most of a batch is computed for nothing.

# %%
diagnosis.plot("active_ratio")

# %%
diagnosis.plot("intra_variance")

# %% [markdown]
# ## In your own loop
#
# `watch` observes a loss of any library around your own steps. Training is not changed.

# %%
import torch

from overtone.diagnosis import watch
from overtone.objectives import build_loss

torch.manual_seed(0)
x, y = torch.randn(256, 16), torch.arange(256) % 8
head = torch.nn.Linear(16, 8)
optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
loss = build_loss("triplet")
with watch(loss, parameters=head.parameters()) as w:
    for _ in range(30):
        optimizer.zero_grad()
        z = torch.nn.functional.normalize(head(x), dim=1)
        w(z, y).backward()
        optimizer.step()
w.report().plot()
