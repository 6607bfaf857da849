// The kernels of cached_8bit.cu for sm_90a, in its own.
#include <tenon/kernels/atoms/sm90a/leaf.hpp>

#include "attention_problems.hpp"
#include "tensor_bodies.hpp"
#define TENON_TEST_BODIES tenon_test::tensor_bodies
#include "cached_8bit.cu"

// Documents, and some of the keys, of 8 bits and of bf16: their masks and scores hold addresses, and must not spill. Executed: exhaustive/layers_sm90a.cpp under
// simulation, and of bf16 device/skipping.cu as PTX.
namespace {

using gathered = kernels::of<tenon::device_attention<tenon::gathered_keys<tenon::causal, tenon::read_later>, decltype(tenon::scaled{} >> tenon::key_bias{}), tenon::softmax, 128, 2, tenon::dense_keys, tenon::int8_per_128>>;
struct documents : tenon_test::documents_128 {
  using keys = tenon::paged_keys;
};
struct documents_of_8_bits : documents {
  using kept = tenon::int8_per_128;
};

}  // namespace

TENON_TEST_KERNEL(whole_documents, kernels::of<documents>::whole)
TENON_TEST_KERNEL(split_few_documents, kernels::of<documents>::split_few)
TENON_TEST_KERNEL(whole_documents_8, kernels::of<documents_of_8_bits>::whole)
TENON_TEST_KERNEL(split_few_documents_8, kernels::of<documents_of_8_bits>::split_few)
TENON_TEST_KERNEL(whole_gathered, gathered::whole)
TENON_TEST_KERNEL(split_few_gathered, gathered::split_few)
TENON_TEST_KERNEL(whole_kept, kernels::kept::whole)
TENON_TEST_KERNEL(split_few_kept, kernels::kept::split_few)
