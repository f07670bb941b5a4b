//===- ggml.cpp - matrix products of ggml for the timing loop -------------===//
// Law: weights are quantized and repacked, and results allocated, before the first call; a call quantizes its activations, as ggml does.

#include "ggml.h"
#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace {

struct FreeContext {
  void operator()(ggml_context *context) const { ggml_free(context); }
};
struct FreeBuffer {
  void operator()(ggml_backend_buffer *buffer) const { ggml_backend_buffer_free(buffer); }
};
using Context = std::unique_ptr<ggml_context, FreeContext>;
using Buffer = std::unique_ptr<ggml_backend_buffer, FreeBuffer>;

Context createContext() { return Context(ggml_init({ggml_tensor_overhead() * 16 + ggml_graph_overhead(), nullptr, /*no_alloc=*/true})); }

ggml_backend_t getBackend() {
  static ggml_backend_t backend = [] {
    ggml_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    ggml_backend_t created = ggml_backend_cpu_init();
    ggml_backend_cpu_set_n_threads(created, 1);
    return created;
  }();
  return backend;
}

/// Where weights may lie: as they are, or repacked by one of the backend's own kinds of buffer.
ggml_backend_buffer_type_t findBufferType(const std::string &name) {
  if (name == "plain")
    return ggml_backend_cpu_buffer_type();
  ggml_backend_dev_t device = ggml_backend_get_device(getBackend());
  auto *getExtra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts"));
  for (ggml_backend_buffer_type_t *type = getExtra ? getExtra(device) : nullptr; type && *type; ++type)
    if (ggml_backend_buft_name(*type) == name)
      return *type;
  return nullptr;
}

ggml_type findType(const std::string &name) {
  for (int type = 0; type < GGML_TYPE_COUNT; ++type)
    if (const char *known = ggml_type_name(static_cast<ggml_type>(type)); known && name == known)
      return static_cast<ggml_type>(type);
  return GGML_TYPE_COUNT;
}

struct Call {
  Context weightContext = createContext(), context = createContext();
  Buffer weightBuffer, buffer;
  ggml_tensor *weights = nullptr, *activations = nullptr, *product = nullptr;
  ggml_cgraph *graph = nullptr;
  std::vector<float> result;
};

} // namespace

/// C [m, n] = A [m, k] W [n, k]^T, all f32 given; W repeats its first `period` rows and is quantized to `type`. Null where ggml has no such
/// form.
extern "C" void *ggml_bench_matmul(const char *type, const char *where, long m, long n, long k, long period, const float *a,
                                   const float *w) {
  ggml_type weightType = findType(type);
  ggml_backend_buffer_type_t place = findBufferType(where);
  if (weightType == GGML_TYPE_COUNT || !place)
    return nullptr;
  auto call = std::make_unique<Call>();
  call->weights = ggml_new_tensor_2d(call->weightContext.get(), weightType, k, n);
  call->weightBuffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(call->weightContext.get(), place));
  // A repacking buffer marks the tensors that it can take.
  if (!call->weightBuffer || (where != std::string("plain") && !call->weights->extra))
    return nullptr;
  call->activations = ggml_new_tensor_2d(call->context.get(), GGML_TYPE_F32, k, m);
  call->product = ggml_mul_mat(call->context.get(), call->weights, call->activations);
  if (!ggml_backend_supports_op(getBackend(), call->product))
    return nullptr;
  call->graph = ggml_new_graph(call->context.get());
  ggml_build_forward_expand(call->graph, call->product);
  call->buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(call->context.get(), ggml_backend_cpu_buffer_type()));
  size_t rowBytes = ggml_row_size(weightType, k);
  std::vector<char> codes(rowBytes * n);
  ggml_quantize_chunk(weightType, w, codes.data(), 0, std::min(n, period), k, nullptr);
  for (long row = period; row < n; ++row)
    std::copy_n(codes.data() + (row - period) * rowBytes, rowBytes, codes.data() + row * rowBytes);
  ggml_backend_tensor_set(call->weights, codes.data(), 0, codes.size());
  ggml_backend_tensor_set(call->activations, a, 0, sizeof(float) * m * k);
  return call.release();
}

extern "C" void ggml_bench_run(void *call) { ggml_backend_graph_compute(getBackend(), static_cast<Call *>(call)->graph); }

extern "C" const float *ggml_bench_result(void *opaque) {
  Call &call = *static_cast<Call *>(opaque);
  call.result.resize(ggml_nelements(call.product));
  ggml_backend_tensor_get(call.product, call.result.data(), 0, sizeof(float) * call.result.size());
  return call.result.data();
}

extern "C" double ggml_bench_bits(const char *type) {
  ggml_type found = findType(type);
  return 8. * ggml_type_size(found) / ggml_blck_size(found);
}

extern "C" void ggml_bench_free(void *call) { delete static_cast<Call *>(call); }
