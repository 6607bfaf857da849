"""Writes tests/data/simulated/amd_matrices.txt: where AMD's matrix instruction calculator (github.com/ROCm/amd_matrix_instruction_calculator)
places each element of the matrix instructions that tenon's kernels for AMD GPUs use.

Usage: python3 amd_matrices.py PATH_TO/matrix_calculator.py (it needs the package tabulate)
Each line: architecture, instruction, operand, rows, columns, then for each place, row-major, 'lane:element', elements counted from the low
bits of register 0. Where two lanes hold a place, the line says the lower one, and the other is 16 above: that is checked here.
"""
import csv
import io
import pathlib
import re
import subprocess
import sys

instructions = {
    "CDNA2": ("v_mfma_f32_32x32x8bf16_1k", "v_mfma_f32_32x32x8f16", "v_mfma_i32_32x32x8i8"),
    "CDNA3": ("v_mfma_f32_32x32x8_bf16", "v_mfma_f32_32x32x8_f16", "v_mfma_i32_32x32x16_i8", "v_mfma_f32_32x32x16_fp8_fp8"),
    "RDNA3": ("v_wmma_f32_16x16x16_bf16", "v_wmma_f32_16x16x16_f16", "v_wmma_i32_16x16x16_iu8"),
    "RDNA4": ("v_wmma_f32_16x16x16_bf16", "v_wmma_f32_16x16x16_f16", "v_wmma_i32_16x16x16_iu8", "v_wmma_f32_16x16x16_fp8_fp8"),
}

out = pathlib.Path(__file__).parent.parent / "data" / "simulated" / "amd_matrices.txt"
lines = []
for arch, names in instructions.items():
    for name in names:
        for operand in "ABD":
            text = subprocess.run([sys.executable, sys.argv[1], "-a", arch, "-i", name, "-" + operand, "-R", "--csv"],
                                  check=True, capture_output=True, text=True).stdout
            rows = [row for row in csv.reader(io.StringIO(text)) if row and row[0].isdigit()]
            places = []
            for row in rows:
                for cell in row[1:]:
                    copies = [re.fullmatch(r"v(\d+)\{(\d+)\}(?:\.\[(\d+):(\d+)\])?", one).groups() for one in cell.split()]
                    register, lane, high, low = copies[0]
                    assert all(c[0] == register and int(c[1]) == int(lane) + 16 and c[2:] == (high, low) for c in copies[1:]), cell
                    width = 32 if high is None else int(high) - int(low) + 1
                    places.append(f"{lane}:{(32 * int(register) + int(low or 0)) // width}")
            assert len(places) == len(rows) * (len(rows[0]) - 1)
            lines.append(f"{arch} {name} {operand} {len(rows)} {len(rows[0]) - 1} " + " ".join(places))
out.parent.mkdir(exist_ok=True)
out.write_text("\n".join(lines) + "\n")
