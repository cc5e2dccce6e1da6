// Loops over floats by vectors, for the kernels: included once for each instruction set.
#if defined(NN_KERNELS_VECTORS) == defined(HWY_TARGET_TOGGLE)
#ifdef NN_KERNELS_VECTORS
#undef NN_KERNELS_VECTORS
#else
#define NN_KERNELS_VECTORS
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls f(tag, first element of a vector) so that all elements are covered: whole vectors, then single
// floats.
template <class F>
HWY_ATTR HWY_INLINE void for_vectors(std::size_t size, F f) {
  const hn::ScalableTag<float> full;
  const hn::CappedTag<float, 1> single;
  std::size_t i = 0;
  for (; i + hn::Lanes(full) <= size; i += hn::Lanes(full)) f(full, i);
  for (; i < size; ++i) f(single, i);
}

// Calls f(tag, vectors, first element) likewise: four vectors at a time, then one, then single floats.
template <class F>
HWY_ATTR void for_vector_groups(std::size_t size, F f) {
  const hn::ScalableTag<float> full;
  const hn::CappedTag<float, 1> single;
  const std::size_t lanes = hn::Lanes(full);
  std::size_t i = 0;
  for (; i + 4 * lanes <= size; i += 4 * lanes) f(full, std::integral_constant<int, 4>(), i);
  for (; i + lanes <= size; i += lanes) f(full, std::integral_constant<int, 1>(), i);
  for (; i < size; ++i) f(single, std::integral_constant<int, 1>(), i);
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
