// Prints what tuning/ chose for each GPU and problem, what that costs by its model, and what bounds the number of blocks that run at once. The
// model counts what must be held; what compilers made of it, bench/kernels/gpu_static.py says. No GPU is needed, and none was asked.
#include <cstdio>

#include <tenon/kernels/atoms/gfx1100/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx1201/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx90a/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx942/leaf_simulated.hpp>
#include <tenon/kernels/atoms/sm80/leaf_simulated.hpp>
#include <tenon/kernels/launch/amd/linear_attention.hpp>
#include <tenon/kernels/launch/gpu/few_tokens.hpp>
#include <tenon/kernels/launch/nvidia/linear_attention.hpp>
#include <tenon/kernels/shared/device_panel.hpp>
#include <tenon/kernels/tuning/amd.hpp>
#include <tenon/kernels/tuning/products.hpp>
#include <tenon/kernels/tuning/sm75.hpp>
#include <tenon/kernels/tuning/sm80.hpp>
#include <tenon/kernels/tuning/sm90a.hpp>

namespace {

using namespace tenon::tuning;

void line(const gpu_facts& on, const char* problem, const char* tile, const block_cost& cost) {
  constexpr const char* bounds[] = {"registers", "shared memory", "warps", "blocks"};
  const occupancy fits = occupancy_of(on, cost);
  if (fits.blocks == 0)
    std::printf("%-8s %-28s %-32s does not fit\n", on.name, problem, tile);
  else
    std::printf("%-8s %-28s %-32s %3d registers, %5.1f KiB shared, %d block%s of %d threads at once (bound by %s)\n", on.name, problem, tile, cost.registers,
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
// Linear attention and products of few tokens: nothing of theirs is chosen by occupancy. A chunk is 64 tokens, 32 where shared memory has no room for more; registers are
// the state and the sums of a chunk, of a warp's columns; of few tokens sums, and two parts of x and of the weights.
template <int Dim>
struct linear {
  static constexpr int dim = Dim;
};
template <int Gpu, class Words>
void linear_line(const char* problem, int side) {
  constexpr gpu_facts on = every_gpu[Gpu];
  const int columns = Words::threads / on.lanes - 1, dim = columns * side;  // a warp more adds up totals
  line(on, problem, {Words::threads, (dim + Words::chunk) * side / on.lanes + 48, Words::shared_bytes}, "chunks of %d tokens, %d warps", Words::chunk, Words::threads / on.lanes);
}
template <int Gpu, class Leaf>
void few_tokens_line() {
  using body = tenon::few_tokens_body<Leaf, tenon::panel::q8_0, 4, 1, float, tenon::added>;
  line(every_gpu[Gpu], "product of few tokens, q8_0", {body::threads, 4 * 4 + body::at_once * (4 * 8 + 12) + 24, body::shared_bytes}, "up to %d, 4 x %d, %d parts", few_tokens, tenon::panel::columns, body::at_once);
}
template <int Gpu>
void print_rest_of_nvidia() {
  using leaf = tenon::atoms::sm80::leaf_simulated;
  linear_line<Gpu, tenon::nvidia_linear_attention<leaf, linear<64>>>("linear attention, d 64", 16);
  linear_line<Gpu, tenon::nvidia_linear_attention<leaf, linear<128>>>("linear attention, d 128", 16);
  few_tokens_line<Gpu, leaf>();
}

// sm_90a: what threads that compute hold beside what they may, since the number that a block starts with is that of a launch.
template <class... Numbers>
void sm90a_line(const char* problem, int shared_bytes, int holds, int may, const char* format, Numbers... numbers) {
  line(facts_sm90a, problem, {sm90a::threads, sm90a::launched_registers, shared_bytes}, format, numbers...);
  std::printf("%-8s %-28s %-32s   those that compute hold %d registers at least of %d\n", "", "", "", holds, may);
}
template <int Dim, score_weight Score = score_weight::scaled>
void attention_on_sm90a(const char* problem) {
  constexpr sm90a::attention_tile t = sm90a::attention(Dim, Score);
  sm90a_line(problem, sm90a::shared_bytes_of(t, 128, Dim), sm90a::registers_of(t, Dim, Score), sm90a::registers_for(t), "128 x %d, %d stages, %s", t.keys, t.stages,
             t.order == sm90a::schedule::overlapped ? "overlapped" : "in order");
}
template <int Dim>
void of_8_bits_on_sm90a(const char* problem) {
  constexpr sm90a::attention_tile t = sm90a::attention(Dim);
  constexpr int waiting = sm90a::waiting(t, 128, Dim);
  sm90a_line(problem, sm90a::shared_bytes_of(t, 128, Dim) + waiting * 2 * t.keys * Dim, sm90a::registers_of(t, Dim), sm90a::registers_for(t), "128 x %d, %d stages, %d wait", t.keys, t.stages, waiting);
}
template <int Dim, int Sums>
void gradients_on_sm90a(const char* problem) {
  constexpr sm90a::attention_backward_tile t = sm90a::attention_backward(Dim, Sums, false);
  sm90a_line(problem, sm90a::shared_bytes_of(t, Dim), sm90a::registers_of(t, Dim, Sums), 240, Sums == 2 ? "128 keys x %d rows, %d stages" : "128 rows x %d keys, %d stages", t.across, t.stages);
}
template <int Bytes>
void matmul_on_sm90a(const char* problem) {
  constexpr sm90a::matmul_tile t = sm90a::matmul(Bytes);
  sm90a_line(problem, sm90a::shared_bytes_of(t), sm90a::registers_of(t, Bytes), 240, "128 x %d, %d stages", t.rows, t.stages);
}
void print_sm90a() {
  attention_on_sm90a<64>("attention, d 64"), attention_on_sm90a<128>("attention, d 128");
  attention_on_sm90a<64, score_weight::looked_up>("attention, d 64, by key"), attention_on_sm90a<128, score_weight::looked_up>("attention, d 128, by key");
  of_8_bits_on_sm90a<64>("attention, d 64, 8 bits"), of_8_bits_on_sm90a<128>("attention, d 128, 8 bits");
  gradients_on_sm90a<64, 2>("gradients of keys, d 64"), gradients_on_sm90a<64, 1>("gradients of queries, d 64");
  gradients_on_sm90a<128, 2>("gradients of keys, d 128"), gradients_on_sm90a<128, 1>("gradients of queries, d 128");
  matmul_on_sm90a<2>("product, bf16"), matmul_on_sm90a<1>("product, e4m3");
  line(facts_sm90a, "product, of integers", {sm90a::threads, sm90a::launched_registers, sm90a::stored_stages * 128 * 128 + 1024}, "128 x 256, %d stages", sm90a::stored_stages);
  print_rest_of_nvidia<4>();
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
  print_rest_of_nvidia<Gpu>();
}
template <int Gpu, class Leaf, int Dim, arrival How = arrival::copied>
void amd_attention_line(const char* problem) {
  constexpr amd::attention_tile t = amd::attention(Leaf::lanes, Leaf::chunks, Dim, How);
  constexpr block_cost cost = amd::cost_of(t, Leaf::lanes, Leaf::chunks, Dim, How);
  line(every_gpu[Gpu], problem, cost, "%d rows x %d keys", t.warps * Leaf::side, t.keys);
}
template <int Gpu, class Leaf, int Dim>
void amd_gradients_line(const char* problem) {
  constexpr amd::attention_backward_tile t = amd::attention_backward(Leaf::lanes, Leaf::chunks, Dim);
  constexpr block_cost cost = amd::cost_of(t, Leaf::lanes, Leaf::chunks, Dim);
  line(every_gpu[Gpu], problem, cost, "%d x %d, kept in %s", t.warps * Leaf::side, 16 * cost.threads / Dim, t.where == amd::kept::registers ? "registers" : "shared");
}
template <int Gpu, int Matrices>
void amd_matmul_of_8_bits_line(const char* problem) {
  constexpr amd::matmul_tile t = amd::matmul_of_8_bits(Matrices, every_gpu[Gpu]);
  constexpr block_cost cost = amd::cost_of(t, 1);
  line(every_gpu[Gpu], problem, cost, "%d x %d, 1 stage", t.tokens, t.rows);
}
template <int Gpu, class Leaf>
void print_amd() {
  amd_attention_line<Gpu, Leaf, 64>("attention, d 64");
  amd_attention_line<Gpu, Leaf, 128>("attention, d 128");
  amd_attention_line<Gpu, Leaf, 64, arrival::widened>("attention, d 64, 8 bits");
  amd_attention_line<Gpu, Leaf, 128, arrival::widened>("attention, d 128, 8 bits");
  amd_gradients_line<Gpu, Leaf, 64>("gradients, d 64");
  amd_gradients_line<Gpu, Leaf, 128>("gradients, d 128");
  constexpr amd::matmul_tile t = amd::matmul(every_gpu[Gpu]);
  constexpr block_cost cost = amd::cost_of(t);
  line(every_gpu[Gpu], "product, bf16 and stored", cost, "%d x %d, 1 stage", t.tokens, t.rows);
  amd_matmul_of_8_bits_line<Gpu, 1>("product, of 8 bits");
  amd_matmul_of_8_bits_line<Gpu, 2>("product, gate of 8 bits");
  linear_line<Gpu, tenon::amd_linear_attention<Leaf, linear<64>>>("linear attention, d 64", Leaf::side);
  linear_line<Gpu, tenon::amd_linear_attention<Leaf, linear<128>>>("linear attention, d 128", Leaf::side);
  few_tokens_line<Gpu, Leaf>();
}

}  // namespace

int main() {
  print_sm75(), print_nvidia<1>(), print_nvidia<2>(), print_nvidia<3>(), print_sm90a();
  namespace atoms = tenon::atoms;
  print_amd<5, atoms::gfx90a::leaf_simulated>(), print_amd<6, atoms::gfx942::leaf_simulated>(), print_amd<7, atoms::gfx1100::leaf_simulated>(), print_amd<8, atoms::gfx1201::leaf_simulated>();
}
