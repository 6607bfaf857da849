// Prints what tuning/ chose for each GPU and problem, what that costs by its model, and what bounds the number of blocks that run at once. The
// model counts what must be held; what compilers made of it, bench/kernels/gpu_static.py says. No GPU is needed, and none was asked.
#include <cstdio>

#include <tenon/kernels/shared/device_panel.hpp>
#include <tenon/kernels/tuning/amd.hpp>
#include <tenon/kernels/tuning/sm75.hpp>
#include <tenon/kernels/tuning/sm80.hpp>
#include <tenon/kernels/tuning/sm90a.hpp>

namespace {

using namespace tenon::tuning;

void line(const gpu_facts& on, const char* problem, const char* tile, const block_cost& cost) {
  constexpr const char* bounds[] = {"registers", "shared memory", "warps", "blocks"};
  const occupancy fits = occupancy_of(on, cost);
  if (fits.blocks == 0)
    std::printf("%-8s %-28s %-30s does not fit\n", on.name, problem, tile);
  else
    std::printf("%-8s %-28s %-30s %3d registers, %5.1f KiB shared, %d block%s of %d threads at once (bound by %s)\n", on.name, problem, tile, cost.registers,
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
// Keys and values of 8 bits, widened on their way to the tile.
template <int Gpu, int Dim>
void kept_line(const char* problem) {
  constexpr gpu_facts on = every_gpu[Gpu];
  constexpr sm80::attention_tile t = sm80::attention(Dim, score_weight::scaled, on, arrival::widened);
  constexpr block_cost cost = sm80::cost_of(t, Dim, score_weight::scaled, arrival::widened);
  char tile[64];
  std::snprintf(tile, sizeof tile, "%d rows x %d keys", t.warps * t.row_tiles * 16, t.keys);
  line(on, problem, tile, cost);
}
template <int Gpu, int Dim>
void decode_line(const char* problem) {
  constexpr gpu_facts on = every_gpu[Gpu];
  constexpr sm80::attention_tile t = sm80::attention_split(sm80::attention(Dim, score_weight::scaled, on));
  constexpr block_cost cost = sm80::cost_of(t, Dim);
  char tile[64];
  std::snprintf(tile, sizeof tile, "%d rows x %d keys", t.warps * t.row_tiles * 16, t.keys);
  line(on, problem, tile, cost);
}
template <int Gpu, int Dim, int Sums>
void gradients_line(const char* problem) {
  constexpr gpu_facts on = every_gpu[Gpu];
  constexpr sm80::attention_backward_tile t = sm80::attention_backward(Dim, Sums);
  constexpr block_cost cost = sm80::cost_of(t, Dim, Sums);
  char tile[64];
  std::snprintf(tile, sizeof tile, Sums == 2 ? "%d keys x %d rows" : "%d rows x %d keys", t.warps * t.row_tiles * 16, t.across);
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
template <int Gpu, int Matrices>
void matmul_of_8_bits_line(const char* problem) {
  constexpr gpu_facts on = every_gpu[Gpu];
  constexpr sm80::matmul_tile t = sm80::matmul_of_8_bits(on, Matrices);
  char tile[64];
  std::snprintf(tile, sizeof tile, "%d x %d, %d stages", t.tokens, t.rows, t.stages);
  constexpr block_cost cost{128, sm80::registers_of_8_bits(t), sm80::shared_bytes_of(t, 128)};
  line(on, problem, tile, cost);
}
template <class Format>
inline constexpr int stored = (tenon::device_panel<Format>::header_bytes + tenon::device_panel<Format>::part_bytes) / 16;

// A line whose tile is `format` of two or three numbers.
template <class... Numbers>
void line(const gpu_facts& on, const char* problem, const block_cost& cost, const char* format, Numbers... numbers) {
  char tile[64];
  std::snprintf(tile, sizeof tile, format, numbers...);
  line(on, problem, tile, cost);
}
block_cost on_sm90a(int shared_bytes) { return {sm90a::threads, sm90a::launched_registers, shared_bytes}; }
template <int Dim>
void of_8_bits_on_sm90a(const char* problem) {
  constexpr sm90a::attention_tile t = sm90a::attention(Dim);
  constexpr int waiting = sm90a::waiting(t, 128, Dim);
  line(facts_sm90a, problem, on_sm90a(sm90a::shared_bytes_of(t, 128, Dim) + waiting * 2 * t.keys * Dim), "128 rows x %d keys, %d stages, %d wait", t.keys, t.stages, waiting);
}
void print_sm90a() {
  constexpr sm90a::attention_tile narrow = sm90a::attention(64), wide = sm90a::attention(128);
  line(facts_sm90a, "attention, d 64", on_sm90a(sm90a::shared_bytes_of(narrow, 128, 64)), "128 rows x %d keys, %d stages", narrow.keys, narrow.stages);
  line(facts_sm90a, "attention, d 128", on_sm90a(sm90a::shared_bytes_of(wide, 128, 128)), "128 rows x %d keys, %d stages", wide.keys, wide.stages);
  of_8_bits_on_sm90a<64>("attention of 8 bits, d 64"), of_8_bits_on_sm90a<128>("attention of 8 bits, d 128");
  constexpr sm90a::attention_backward_tile of_keys = sm90a::attention_backward_keys(128, false), of_rows = sm90a::attention_backward_rows(128);
  line(facts_sm90a, "gradients of keys, d 128", on_sm90a(sm90a::shared_bytes_of(of_keys, 128)), "128 keys x %d rows, %d stages", of_keys.across, of_keys.stages);
  line(facts_sm90a, "gradients of queries, d 128", on_sm90a(sm90a::shared_bytes_of(of_rows, 128)), "128 rows x %d keys, %d stages", of_rows.across, of_rows.stages);
  constexpr sm90a::matmul_tile product = sm90a::matmul();
  line(facts_sm90a, "product, bf16", on_sm90a(sm90a::shared_bytes_of(product)), "128 x %d, %d stages", product.rows, product.stages);
  line(facts_sm90a, "product, of integers", on_sm90a(sm90a::stored_stages * 128 * 128), "128 x 256, %d stages", sm90a::stored_stages);
}
void print_sm75() {
  constexpr sm80::attention_tile narrow = sm75::attention(64), wide = sm75::attention(128);
  constexpr sm80::matmul_tile product = sm75::matmul();
  line(facts_sm75, "attention of f16, d 64", sm80::cost_of(narrow, 64), "%d rows x %d keys", narrow.warps * narrow.row_tiles * 16, narrow.keys);
  line(facts_sm75, "attention of f16, d 128", sm80::cost_of(wide, 128), "%d rows x %d keys", wide.warps * wide.row_tiles * 16, wide.keys);
  line(facts_sm75, "product, f16", sm80::cost_of(product, 128), "%d x %d, %d stages", product.tokens, product.rows, product.stages);
}
// The words of sm_80, for it and for GPUs after it.
template <int Gpu>
void print_nvidia() {
  attention_line<Gpu, 64, score_weight::scaled>("attention, d 64");
  attention_line<Gpu, 128, score_weight::scaled>("attention, d 128");
  attention_line<Gpu, 128, score_weight::computed>("attention, d 128, score");
  attention_line<Gpu, 64, score_weight::looked_up>("attention, d 64, by key");
  attention_line<Gpu, 128, score_weight::listed>("attention, d 128, listed");
  attention_line<Gpu, 128, score_weight::looked_up>("attention, d 128, by key");
  attention_line<Gpu, 256, score_weight::scaled>("attention, d 256");
  decode_line<Gpu, 128>("decoding, d 128");
  kept_line<Gpu, 64>("attention, d 64, 8 bits");
  kept_line<Gpu, 128>("attention, d 128, 8 bits");
  gradients_line<Gpu, 64, 2>("gradients of keys, d 64");
  gradients_line<Gpu, 64, 1>("gradients of queries, d 64");
  gradients_line<Gpu, 128, 2>("gradients of keys, d 128");
  gradients_line<Gpu, 128, 1>("gradients of queries, d 128");
  matmul_line<Gpu, 128>("product, bf16");
  matmul_of_8_bits_line<Gpu, 1>("product, of 8 bits");
  matmul_of_8_bits_line<Gpu, 2>("product, gate of 8 bits");
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
  print_sm75(), print_nvidia<1>(), print_nvidia<2>(), print_nvidia<3>(), print_sm90a();
  print_amd<5>(), print_amd<6>(), print_amd<7>(), print_amd<8>();
}
