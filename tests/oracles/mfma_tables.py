"""Writes tests/data/simulated/mfma_tables.txt: where AMD's matrix instruction calculator (github.com/ROCm/amd_matrix_instruction_calculator)
places each element of the matrix instructions that tenon's gfx942 kernels use.

Usage: python3 mfma_tables.py PATH_TO/matrix_calculator.py
Each line: instruction, operand, rows, columns, then for each place, row-major, 'lane:element', elements counted from the low half of
register 0.
"""
import csv
import io
import pathlib
import re
import subprocess
import sys

out = pathlib.Path(__file__).parent.parent / "data" / "simulated" / "mfma_tables.txt"
lines = []
for instruction in ("v_mfma_f32_32x32x8_bf16", "v_mfma_f32_16x16x16_bf16"):
    for operand in "ABD":
        text = subprocess.run([sys.executable, sys.argv[1], "-a", "CDNA3", "-i", instruction, "-" + operand, "-R", "--csv"],
                              check=True, capture_output=True, text=True).stdout
        rows = [row for row in csv.reader(io.StringIO(text)) if row and row[0].isdigit()]
        places = []
        for row in rows:
            for cell in row[1:]:
                register, lane, half = re.fullmatch(r"v(\d+)\{(\d+)\}(?:\.\[(15:0|31:16)\])?", cell.strip()).groups()
                element = int(register) if half is None else 2 * int(register) + (half == "31:16")
                places.append(f"{lane}:{element}")
        assert len(places) == len(rows) * (len(rows[0]) - 1)
        lines.append(f"{instruction} {operand} {len(rows)} {len(rows[0]) - 1} " + " ".join(places))
out.parent.mkdir(exist_ok=True)
out.write_text("\n".join(lines) + "\n")
