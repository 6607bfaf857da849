// Products with packed weights: one token (bound by memory: the weights are cold) and blocks of tokens (bound by arithmetic).

#include <memory>
#include <string>
#include <vector>

#include <tenon/bench.hpp>
#include <tenon/kernels/launch/matmul.hpp>

namespace {

using namespace tenon;

constexpr std::size_t cold_bytes = std::size_t{256} << 20;  // more than any cache holds

// A matrix of 4096 x 4096 in as many copies as make every pass cold, made when its first line runs. One is alive at a time.
class cold_matrix {
 public:
  static constexpr index_t rows = 4096, depth = 4096;

  cold_matrix(const cpu& machine, storage kind, compute how)
      : bytes_(packed_bytes(machine, kind, how, rows, depth)), copies_(cold_bytes / bytes_ + 1), memory_(bytes_ * copies_) {
    std::vector<std::byte> file(row_bytes(kind, depth) * rows);
    with_block(kind, [&](auto block) {
      for (std::size_t at = 0; at + sizeof block <= file.size(); at += sizeof block) {
        for (std::size_t i = 0; i < sizeof block; ++i)
          reinterpret_cast<std::byte*>(&block)[i] = static_cast<std::byte>((at + i * 37) & 0x3f);
        if constexpr (requires { block.d; }) block.d = decltype(block.d)(0.01f);
        if constexpr (requires { block.x; }) block.x = static_cast<decltype(block.x)>(0.01f * static_cast<float>(at % 97));
        __builtin_memcpy(&file[at], &block, sizeof block);
      }
    });
    packed_ = pack(machine, {.kind = kind, .rows = rows, .columns = depth, .bytes = file.data()}, how, memory_.data());
    for (std::size_t i = 1; i < copies_; ++i) __builtin_memcpy(memory_.data() + i * bytes_, memory_.data(), bytes_);
  }
  packed_matrix next() {
    packed_matrix out = packed_;
    out.data = memory_.data() + (turn_++ % copies_) * bytes_;
    return out;
  }

 private:
  std::size_t bytes_, copies_, turn_ = 0;
  buffer memory_;
  packed_matrix packed_;
};

void add(const cpu& machine, storage kind, compute how, index_t tokens) {
  static std::unique_ptr<cold_matrix> matrix;
  static std::string alive;
  const std::string title = std::string("matmul/") + name(kind) +
                            (how == compute::int8     ? "/int8"
                             : how == compute::int8x2 ? "/int8x2"
                             : how == compute::bf16   ? "/bf16"
                                                      : "/fp32");
  const auto x = std::make_shared<std::vector<float>>(static_cast<std::size_t>(tokens * cold_matrix::depth), 0.5f);
  const auto out = std::make_shared<std::vector<float>>(static_cast<std::size_t>(tokens * cold_matrix::rows));
  const auto scratch = std::make_shared<buffer>(matmul_scratch(machine, tokens, cold_matrix::depth));
  const double values = static_cast<double>(cold_matrix::rows * cold_matrix::depth), count = static_cast<double>(tokens);
  const auto unit = how == compute::int8 || how == compute::int8x2 ? bench::arithmetic::int8
                    : how == compute::bf16                         ? bench::arithmetic::bf16
                                                                   : bench::arithmetic::fp32;
  const bench::work todo{.operations = (how == compute::int8x2 ? 4 : 2) * values * count,
                         .bytes = static_cast<double>(packed_bytes(machine, kind, how, cold_matrix::rows, cold_matrix::depth)),
                         .kind = unit,
                         .items = count};
  bench::add(title + "/tokens:" + std::to_string(tokens), machine, todo, [=] {
    if (alive != title) {
      matrix.reset();
      matrix = std::make_unique<cold_matrix>(machine, kind, how);
      alive = title;
    }
    const product one[] = {{.weights = matrix->next(), .out = {out->data(), tokens, cold_matrix::rows}}};
    matmul(machine, view<const float, 2>(x->data(), tokens, cold_matrix::depth), one, scratch->data());
  });
}

}  // namespace

int main(int count, char** words) {
  struct form {
    storage kind;
    compute how;
  };
  constexpr form forms[] = {{storage::f32, compute::fp32},  {storage::bf16, compute::fp32}, {storage::bf16, compute::bf16},
                            {storage::f16, compute::fp32},  {storage::q8_0, compute::int8}, {storage::q4_0, compute::int8},
                            {storage::q8_0, compute::int8x2}, {storage::q4_0, compute::int8x2}, {storage::q4_1, compute::int8x2},
                            {storage::q4_1, compute::int8}, {storage::q4_k, compute::int8}, {storage::q6_k, compute::int8},
                            {storage::q8_0, compute::bf16}, {storage::q4_1, compute::bf16}, {storage::q4_1, compute::fp32}};
  const int all = cpu().threads();
  for (const int threads : {1, all}) {
    for (const auto& [kind, how] : forms)
      for (const index_t tokens : {index_t{1}, index_t{16}, index_t{128}, index_t{512}}) add(cpu({.threads = threads}), kind, how, tokens);
    if (all == 1) break;
  }
  return bench::run(count, words);
}
