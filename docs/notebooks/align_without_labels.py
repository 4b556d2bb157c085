# %% [markdown]
# # Two modalities in one space, without labels
#
# Left and right halves of handwritten digits stand for two modalities. Labels are used for the evaluation only.

# %%
import overtone

data = overtone.load("split-digits")
data

# %% [markdown]
# What is in it, and is anything wrong with it?

# %%
report = overtone.inspect("split-digits")
print(report.problems or "No problems")

# %% [markdown]
# HSC-MAE with a short training. A bar shows the time left.

# %%
run = overtone.train("hsc-mae", data, settings={"epochs": 30})
found = overtone.evaluate(run, data)
found

# %%
run.plot()

# %% [markdown]
# mAP is to be compared with chance, and a method with others, on the same rows and with several seeds.

# %%
comparison = overtone.compare(["infonce", "cca"], data, seeds=2, settings={"epochs": 20})
comparison.plot()

# %% [markdown]
# Every two methods are tested, corrected for the number of tests.

# %%
for test in comparison.paired_tests:
    low, high = test.ci95
    print(f"{test.a} - {test.b}: {test.difference:+.3f} ({low:+.3f} to {high:+.3f}), p = {test.p_holm:.4f}")
