// Matrix products with weights of any storage, in every arithmetic.
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/matmul.hpp>

tenon::packed_matrix ready(const tenon::stored_matrix& stored, tenon::compute how, std::byte* where) { return pack(tenon::cpu(), stored, how, where); }
void project(tenon::view<const float, 2> x, const tenon::product (&products)[3], std::byte* scratch) { matmul(tenon::cpu(), x, products, scratch); }
