# %% [markdown]
# # Which events go together, and which did nobody annotate?
#
# A clip labelled *train* may hold a horn, too. Here clips are simulated, so the truth is known: some events bring
# others along, and the annotation keeps one event a clip.

# %%
import overtone

clips = overtone.simulate(
    settings={"classes": 8, "train_rows": 1200, "test_rows": 300, "interactions": 6, "background": 0.3}, seed=0
)
clips

# %% [markdown]
# Teachers that have not seen a clip score it; the class graph is inferred from their scores; from both come the chances
# of all events.

# %%
run = overtone.train(
    "interactions",
    clips,
    settings={"epochs": 20, "inference": {"bootstrap": 10}, "teacher": {"epochs": 20}},
    out="events-run",
    overwrite=True,
)
graph = overtone.graph("events-run")
for edge in graph.edges[:6]:
    print(edge.source, "→", edge.target, f"in {edge.presence:.0%} of the resamples")

# %% [markdown]
# Clips that probably hold an event nobody annotated, with the reason.

# %%
missing = overtone.events("events-run")
missing

# %% [markdown]
# The simulated truth says how far these chances can be believed.

# %%
print(missing.calibration.said)
