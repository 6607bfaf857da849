// Prints what tuning/ chose for each GPU and problem, what that costs by its model, and what bounds the number of blocks that run at once. The
// model counts what must be held; what compilers made of it, bench/kernels/gpu_static.py says. No GPU is needed, and none was asked.
#include <cstdio>

#include <tenon/kernels/shared/device_panel.hpp>
#include <tenon/kernels/tuning/amd.hpp>
#include <tenon/kernels/tuning/sm80.hpp>

namespace {

using namespace tenon::tuning;

void line(const gpu_facts& on, const char* problem, const char* tile, const block_cost& cost) {
  constexpr const char* bounds[] = {"registers", "shared memory", "warps", "blocks"};
  const occupancy fits = occupancy_of(on, cost);
  if (fits.blocks == 0)
    std::printf("%-8s %-28s %-22s does not fit\n", on.name, problem, tile);
  else
    std::printf("%-8s %-28s %-22s %3d registers, %5.1f KiB shared, %d block%s of %d threads at once (bound by %s)\n", on.name, problem, tile, cost.registers,
                static_cast<double>(cost.shared_bytes) / 1024, fits.blocks, fits.blocks == 1 ? "" : "s", cost.threads, bounds[static_cast<int>(fits.by)]);
}

template <int Gpu, int Dim, score_weight Score>
void attention_line(const char* problem) {
  constexpr gpu_facts on = every_gpu[Gpu];
  constexpr sm80::attention_tile t = sm80::attention(Dim, Score, on);
  char tile[64];
  std::snprintf(tile, sizeof tile, "%d rows x %d keys", t.warps * t.row_tiles * 16, t.keys);
  constexpr block_cost cost = sm80::cost_of(t, Dim, Score);
  line(on, problem, tile, cost);
}
template <int Gpu, int Weight>
void matmul_line(const char* problem) {
  constexpr gpu_facts on = every_gpu[Gpu];
  constexpr sm80::matmul_tile t = sm80::matmul(Weight, on);
  char tile[64];
  std::snprintf(tile, sizeof tile, "%d x %d, %d stages", t.tokens, t.rows, t.stages);
  constexpr block_cost cost = sm80::cost_of(t, Weight);
  line(on, problem, tile, cost);
}
template <class Format>
inline constexpr int stored = (tenon::device_panel<Format>::header_bytes + tenon::device_panel<Format>::part_bytes) / 16;

// The words of sm_80 on NVIDIA's GPUs. sm_75 has no copies beside the thread: no words are written for it.
template <int Gpu>
void print_nvidia() {
  attention_line<Gpu, 64, score_weight::scaled>("attention, d 64");
  attention_line<Gpu, 128, score_weight::scaled>("attention, d 128");
  attention_line<Gpu, 128, score_weight::computed>("attention, d 128, score");
  attention_line<Gpu, 256, score_weight::scaled>("attention, d 256");
  matmul_line<Gpu, 128>("product, bf16");
  matmul_line<Gpu, stored<tenon::panel::q8_0>>("product, q8_0");
  matmul_line<Gpu, stored<tenon::panel::q4_0>>("product, q4_0");
  matmul_line<Gpu, stored<tenon::panel::q6_k>>("product, q6_k");
}
template <int Gpu, int Dim>
void amd_attention_line(const char* problem) {
  constexpr gpu_facts on = every_gpu[Gpu];
  constexpr int side = on.lanes == 64 ? 32 : 16, chunks = on.lanes == 32 && on.name[4] == '1' ? 2 : 1;  // RDNA 3 holds its left operand twice
  constexpr amd::attention_tile t = amd::attention(on.lanes, chunks, Dim);
  constexpr block_cost cost = amd::cost_of(t, on.lanes, Dim, side, chunks);
  char tile[64];
  std::snprintf(tile, sizeof tile, "%d rows x %d keys", t.warps * side, t.keys);
  line(on, problem, tile, cost);
}
template <int Gpu>
void print_amd() {
  amd_attention_line<Gpu, 64>("attention, d 64");
  amd_attention_line<Gpu, 128>("attention, d 128");
  constexpr amd::matmul_tile t = amd::matmul();
  constexpr block_cost cost = amd::cost_of(t);
  char tile[64];
  std::snprintf(tile, sizeof tile, "%d x %d, 1 stage", t.tokens, t.rows);
  line(every_gpu[Gpu], "product, any weights", tile, cost);
}

}  // namespace

int main() {
  print_nvidia<0>(), print_nvidia<1>(), print_nvidia<2>(), print_nvidia<3>(), print_nvidia<4>();
  print_amd<5>(), print_amd<6>(), print_amd<7>(), print_amd<8>();
}
