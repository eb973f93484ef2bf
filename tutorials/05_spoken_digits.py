# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5 · Spoken digits
#
# Sound to spikes to words. This notebook makes its own "words", so it runs anywhere. Its last part
# does the same with the Free Spoken Digit Dataset, if you have it.

# %%
import os
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import pyngn_graph as ng

# %% [markdown]
# ## Ten words of a made-up language
#
# A vowel is, roughly, two loud frequencies. A word moves them. Our ten words glide from one vowel to
# another, and half of them are the other half played backwards. So you cannot tell them by *what*
# sounds they contain, only by the **order**. Pitch, tempo and loudness vary, and there is noise.

# %%
RATE = 8000  # samples of sound per second
VOWELS = {"a": (800, 1300), "e": (450, 2000), "i": (300, 2600), "o": (480, 900), "u": (320, 750)}
WORDS = ["ai", "ia", "au", "ua", "ei", "ie", "ou", "uo", "ae", "ea"]


def say(word, generator):
    """Half a second of sound, `[4000]`."""
    begin, end = (torch.tensor(VOWELS[vowel], dtype=torch.float32) for vowel in word)
    voice, tempo, loud = torch.rand(3, generator=generator).tolist()
    time = torch.linspace(0, 1, 4000).unsqueeze(1)
    glide = torch.sigmoid((time - 0.35 - 0.3 * tempo) * 12)  # from 0 to 1, early or late
    frequency = (begin + (end - begin) * glide) * (0.85 + 0.3 * voice)
    phase = 2 * torch.pi * frequency.cumsum(dim=0) / RATE
    sound = phase.sin().mean(dim=1) * (0.5 + 0.5 * loud)
    return sound + 0.05 * torch.randn(4000, generator=generator)


generator = torch.Generator().manual_seed(0)
y = torch.arange(10).repeat(40)
sounds = torch.stack([say(WORDS[word], generator) for word in y])
train, test = slice(0, 250), slice(250, 400)
print(sounds.shape, "= words, samples of sound")

# %% [markdown]
# ## From sound to channels
#
# `filter_bank` is a simple ear: the logarithm of the energy in 20 bands of frequency, every 10 ms.

# %%
energy = ng.encoding.filter_bank(sounds, RATE, num_channels=20)  # [B, T, C]
mean, std = energy[train].mean(dim=(0, 1)), energy[train].std(dim=(0, 1))
x = (energy - mean) / std

# %%
figure, axes = plt.subplots(1, 4, figsize=(10, 2.4), layout="constrained", sharey=True)
for ax, word in zip(axes, range(4), strict=True):
    ax.imshow(x[word].T, origin="lower", aspect="auto", cmap="cividis", extent=(0, 500, 0, 20))
    ax.set_title(f'"{WORDS[word]}"')
    ax.set_xlabel("time (ms)")
axes[0].set_ylabel("channel (low to high)")
plt.show()

# %% [markdown]
# ## From channels to spikes to words
#
# `recipes.spoken_digits()` knows good parameters. Print a recipe and you see the code behind it.
# It reads the states of five segments of a word, so the order is in what the readout sees. The
# harder question: read only the **end** of the word. Then the beginning must still be there.

# %%
print(ng.recipes.spoken_digits())


# %%
def learn(recipe, x, y, train, test, lengths=None):
    """Lets the glia of a recipe organize a tissue, and trains a readout on its states."""
    reservoir = recipe.reservoir(in_channels=x.size(2), seed=0)
    of = (lambda part: None) if lengths is None else lambda part: lengths[part]
    if reservoir.glia:
        some = torch.arange(len(x))[train][: recipe.trials]
        reservoir.adapt(x[some], lengths=of(some), progress=False)
    states = [recipe.features(reservoir(x[part], of(part))) for part in (train, test)]
    readout = ng.RidgeReadout().fit(states[0], y[train])
    return readout.score(states[1], y[test]), readout.predict(states[1]), reservoir


def control(features, y, train, test):
    return ng.RidgeReadout().fit(features[train], y[train]).score(features[test], y[test])


segments, at_end = ng.recipes.spoken_digits(), ng.recipes.spoken_digits_at_end()
by_chance = replace(at_end, rule="fixed:uniform")  # drawn once: the control of what was learned
at_the_end, predicted, _ = learn(at_end, x, y, train, test)
results = {
    "five segments": {
        "sound, no reservoir": control(
            x.unflatten(1, (5, 10)).mean(dim=2).flatten(1), y, train, test
        ),
        "reservoir, no glia": learn(segments.bare(), x, y, train, test)[0],
        "all three glia": learn(segments, x, y, train, test)[0],
    },
    "the end only": {
        "sound, no reservoir": control(x[:, -1], y, train, test),
        "reservoir, no glia": learn(at_end.bare(), x, y, train, test)[0],
        "all three glia": at_the_end,
        "same, delays by chance": learn(by_chance, x, y, train, test)[0],
    },
}

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.2), layout="constrained")
for ax, (title, right) in zip(axes, results.items(), strict=True):
    bars = ax.barh(
        list(right),
        list(right.values()),
        color=["#808080", "#D55E00", "#0072B2", "#56B4E9"][: len(right)],
    )
    ax.bar_label(bars, labels=[f"{value:.1%}" for value in right.values()], padding=3)
    ax.set_xlim(0, 1.35)
    ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    ax.axvline(0.1, color="#808080", linestyle=":")
    ax.set_xlabel("right words (dotted: guessing)")
    ax.set_title(f"read: {title}")
    ax.invert_yaxis()
plt.show()

# %% [markdown]
# Read in five segments, the task is easy: the sound itself is enough, and glia cannot help. Read at
# the end only, the beginning of the word has to be still there. Now the glia make the difference.
#
# But look at the last bar. Delays that were drawn **once, by chance**, do as well as those that
# oligodendrocytes arranged. What counts is that there are long ones. At birth, delays grow with
# distance and are far too short for a word.
#
# ## Where the errors are

# %%
figure, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
ng.plot.confusion(y[test], predicted, labels=WORDS, ax=ax)
plt.show()

# %% [markdown]
# ## Real spoken digits
#
# The Free Spoken Digit Dataset holds 3000 recordings of six speakers. It is not part of this
# package: `datasets/README.md` says where to get it. Put `recordings.zip` into a folder `fsdd` and
# set the environment variable `PYNGN_DATA` to the folder above it. Without it, the next cell only
# says so.
#
# To be quick, we take a quarter of the training recordings here.

# %%
root = Path(os.environ.get("PYNGN_DATA", "data")) / "fsdd"
if root.exists():
    digits = ng.datasets.FSDD(root, split=None)
    fit = ((digits.take >= 5) & (digits.take < 16)).nonzero().squeeze(1)  # 660 recordings
    rest = digits.for_test.nonzero().squeeze(1)  # the 300 that all papers test on
    for recipe in (segments.bare(), segments):
        right, _, _ = learn(recipe, digits.x, digits.y, fit, rest, digits.lengths)
        print(
            f"{right:.1%} of 300 spoken digits are right, glia: {', '.join(recipe.glia) or 'none'}"
        )
else:
    print("FSDD is not here; skipped")

# %% [markdown]
# On real speech the picture is the same. With all 2700 training recordings and five seeds
# (`benchmarks/results/science/t6_series.md`): five segments, 97.9 % without glia and 98.5 to 98.9 %
# with them, but also 98.8 % with no recurrent edges at all. Read at the end, 69 % without glia, 88 %
# with astrocytes and oligodendrocytes, 89 % with delays drawn by chance.
#
# ## What to try next
#
# - The whole data set, five seeds, with a report: `pyngn-graph run --dataset fsdd --root FOLDER --seeds 5`.
# - Make the words longer, or the noise louder.
# - Words that differ only in their *first* 50 ms: which `max_delay` do you need at the end?
# - Next: [inside a PyG model](06_inside_a_pyg_model.ipynb).
