# %% [markdown]
# # Search an archive, and clean it
#
# A store answers queries by id, by a file of features, or by one modality; `find` lists what does not belong.

# %%
import torch

import overtone

data = overtone.load("split-digits")
run = overtone.train("cca", data, out="search-run", overwrite=True)
overtone.index(run, data, overwrite=True)
answer = overtone.search_store("search-run", query="1300", source="left", k=5)
answer

# %% [markdown]
# ## Pairs that do not belong together
#
# 90 of 1,797 right halves are exchanged, which is 5 %. Nothing is told.

# %%
from dataclasses import replace

rows = torch.arange(0, 1797, 20)
right = data.modalities["right"].clone()
right[rows] = right[rows.roll(1)]
mixed = replace(data, modalities={"left": data.modalities["left"], "right": right})
wrong = overtone.find("mismatched", mixed)
listed = {int(one.clip.id) for one in wrong.mismatches}
exchanged = listed & set(rows.tolist())
print(f"estimated {wrong.wrong_share:.1%} wrong; {len(listed)} listed, {len(exchanged)} of them exchanged")

# %% [markdown]
# ## Near-duplicates
#
# Ten clips are copied, and made 2 % brighter.

# %%
from overtone.search import ScaledClips, find_duplicates

copied = data.modalities["left"].clone()
copied[100:110] = 1.02 * copied[:10]
twice = replace(data, modalities={"left": copied, "right": data.modalities["right"]})
groups = find_duplicates(ScaledClips.of(twice, only="left")).groups
print(len(groups), "groups")
