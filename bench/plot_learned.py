"""plot_learned.py LEARN [PICTURE]: draws the position bias that the example tenon_learn (LEARN) learns, over the distance between query
and key, beside its sink, as PICTURE (default learned.png). Needs matplotlib."""
import csv
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
rows = list(csv.DictReader(subprocess.run([sys.argv[1], "--csv"], check=True, capture_output=True, text=True).stdout.splitlines()))
figure, axes = plt.subplots(figsize=(7, 3.5))
axes.bar([int(row["distance"]) for row in rows], [float(row["bias"]) for row in rows], label="learned bias")
axes.axhline(float(rows[0]["sink"]), color="black", linewidth=1, linestyle="--", label="learned sink")
axes.set(xlabel="distance from query to key", ylabel="score", title="Copy the value of six tokens before")
axes.legend()
figure.tight_layout()
figure.savefig(sys.argv[2] if len(sys.argv) == 3 else "learned.png", dpi=120)
