//===- onednn.cpp - matrix products of oneDNN for the timing loop ---------===//
// Law: weights are reordered once, into the layout that oneDNN asks for; memory and scratch space are there before the first call.

#include "oneapi/dnnl/dnnl.hpp"
#include <cstdint>
#include <exception>
#include <string>
#include <unordered_map>
#include <vector>

using namespace dnnl;

namespace {

struct Engine {
  engine cpu{engine::kind::cpu, 0};
  stream queue{cpu};
};

Engine &getEngine() {
  static Engine instance;
  return instance;
}

/// A primitive with its arguments.
struct Call {
  primitive operation;
  std::unordered_map<int, memory> arguments;
  std::string implementation;
};

memory::data_type getType(char code) {
  switch (code) {
  case 'u':
    return memory::data_type::u8;
  case 's':
    return memory::data_type::s8;
  case 'i':
    return memory::data_type::s32;
  case 'b':
    return memory::data_type::bf16;
  default:
    return memory::data_type::f32;
  }
}

std::string lastError;

} // namespace

extern "C" const char *onednn_version() {
  static std::string text =
      std::to_string(dnnl_version()->major) + "." + std::to_string(dnnl_version()->minor) + "." + std::to_string(dnnl_version()->patch);
  return text.c_str();
}

extern "C" const char *onednn_error() { return lastError.c_str(); }
extern "C" const char *onednn_implementation(void *call) { return static_cast<Call *>(call)->implementation.c_str(); }

/// C [m, n] = A [m, k] B [k, n], row-major; element types by the codes of `getType`. With `packed`, B is reordered once; else it is read as
/// it lies at each call; with `transposed` it lies as [n, k]. Null on failure.
extern "C" void *onednn_matmul(long m, long n, long k, const char *types, int packed, int transposed, void *a, void *b, void *c) try {
  engine &cpu = getEngine().cpu;
  memory::desc lhs({m, k}, getType(types[0]), memory::format_tag::ab),
      plain({k, n}, getType(types[1]), transposed ? memory::format_tag::ba : memory::format_tag::ab);
  memory::desc rhs = packed ? memory::desc({k, n}, getType(types[1]), memory::format_tag::any) : plain;
  memory::desc out({m, n}, getType(types[2]), memory::format_tag::ab);
  primitive_attr attributes;
  attributes.set_scratchpad_mode(scratchpad_mode::user);
  matmul::primitive_desc description(matmul::desc(lhs, rhs, out), attributes, cpu);
  memory given(plain, cpu, b), weights = given;
  if (description.weights_desc() != plain) {
    weights = memory(description.weights_desc(), cpu);
    reorder(given, weights).execute(getEngine().queue, given, weights);
    getEngine().queue.wait();
  }
  return new Call{matmul(description),
                  {{DNNL_ARG_SRC, memory(lhs, cpu, a)},
                   {DNNL_ARG_WEIGHTS, weights},
                   {DNNL_ARG_DST, memory(out, cpu, c)},
                   {DNNL_ARG_SCRATCHPAD, memory(description.scratchpad_desc(), cpu)}},
                  description.impl_info_str()};
} catch (const std::exception &error) {
  lastError = error.what();
  return nullptr;
}

/// Image [size, size, channels] u8 to [result, result, outputs] u8 by a kernel [window, window, channels, outputs] s8, times `scale`.
extern "C" void *onednn_convolution(long size, long channels, long outputs, long window, long stride, long before, long after, long result,
                                    float scale, void *image, void *kernel, void *out) try {
  engine &cpu = getEngine().cpu;
  using tag = memory::format_tag;
  memory::desc source({1, channels, size, size}, memory::data_type::u8, tag::nhwc);
  memory::desc plain({outputs, channels, window, window}, memory::data_type::s8, tag::hwio);
  memory::desc weights({outputs, channels, window, window}, memory::data_type::s8, tag::any);
  memory::desc destination({1, outputs, result, result}, memory::data_type::u8, tag::nhwc);
  primitive_attr attributes;
  attributes.set_scratchpad_mode(scratchpad_mode::user);
  attributes.set_output_scales(1 << 1, std::vector<float>(outputs, scale));
  convolution_forward::desc shape(prop_kind::forward_inference, algorithm::convolution_direct, source, weights, destination,
                                  {stride, stride}, {before, before}, {after, after});
  convolution_forward::primitive_desc description(shape, attributes, cpu);
  memory given(plain, cpu, kernel), packed(description.weights_desc(), cpu);
  reorder(given, packed).execute(getEngine().queue, given, packed);
  getEngine().queue.wait();
  return new Call{convolution_forward(description),
                  {{DNNL_ARG_SRC, memory(source, cpu, image)},
                   {DNNL_ARG_WEIGHTS, packed},
                   {DNNL_ARG_DST, memory(destination, cpu, out)},
                   {DNNL_ARG_SCRATCHPAD, memory(description.scratchpad_desc(), cpu)}},
                  description.impl_info_str()};
} catch (const std::exception &error) {
  lastError = error.what();
  return nullptr;
}

extern "C" void onednn_run(void *context) {
  Call &call = *static_cast<Call *>(context);
  call.operation.execute(getEngine().queue, call.arguments);
}

extern "C" void onednn_free(void *call) { delete static_cast<Call *>(call); }
