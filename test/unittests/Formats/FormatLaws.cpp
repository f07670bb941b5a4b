//===- FormatLaws.cpp - host and IR agree on every code and every real ----===//
//
// Compiles the IR that each format builds and compares it with the format's host arithmetic, bit for bit; compares the host's
// encoding with a search for the nearest code.
//
//===----------------------------------------------------------------------===//

#include "../Check.h"
#include "lowbit/Execution/Executable.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/InitAll.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/TargetSelect.h"
#include <cmath>

namespace mlir::lowbit::unittest {
namespace {

constexpr int64_t kReals = 1 << 18, kCodes = 1 << 16;

const char *const kFormats[] = {"int<8>",
                                "int<4>",
                                "int<3>",
                                "int<1>",
                                "int<16>",
                                "uint<8>",
                                "uint<4>",
                                "uint<1>",
                                "uint<16>",
                                "ternary",
                                "binary",
                                "float3",
                                "codebook<nf4>",
                                "codebook<[-1.0, -0.25, 0.25, 1.0, 7.0]>",
                                "float<f8E4M3FN>",
                                "float<f8E5M2>",
                                "float<f8E4M3FNUZ>",
                                "float<f8E5M2FNUZ>",
                                "float<f8E4M3>",
                                "float<f8E3M4>",
                                "float<f8E4M3B11FNUZ>",
                                "float<f6E3M2FN>",
                                "float<f6E2M3FN>",
                                "float<f4E2M1FN>",
                                "float<f8E8M0FNU>"};

using ScalarBuilder = llvm::function_ref<Value(OpBuilder &, Location, Value)>;

/// func @name(tensor<sizexFrom>) -> tensor<sizexTo>, elementwise.
void addFunction(OpBuilder &builder, StringRef name, int64_t size, Type from, Type to, ScalarBuilder body) {
  Location loc = builder.getUnknownLoc();
  auto input = RankedTensorType::get({size}, from), output = RankedTensorType::get({size}, to);
  auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType(input, output));
  OpBuilder nested = OpBuilder::atBlockEnd(function.addEntryBlock());
  Value init = tensor::EmptyOp::create(nested, loc, ArrayRef<int64_t>{size}, to);
  AffineMap identity = builder.getMultiDimIdentityMap(1);
  auto generic = linalg::GenericOp::create(
      nested, loc, output, function.getArgument(0), init, {identity, identity}, {utils::IteratorType::parallel},
      [&](OpBuilder &b, Location at, ValueRange elements) { linalg::YieldOp::create(b, at, body(b, at, elements[0])); });
  func::ReturnOp::create(nested, loc, generic.getResults());
}

OwningOpRef<ModuleOp> buildModule(NumberFormatAttrInterface format) {
  MLIRContext *context = format.getContext();
  OpBuilder builder(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  Type storage = format.getStorageType();
  unsigned width = storage.getIntOrFloatBitWidth();
  addFunction(builder, "encode", kReals, builder.getF32Type(), builder.getI32Type(), [&](OpBuilder &b, Location loc, Value real) {
    Value code = format.buildEncode(b, loc, real, {});
    if (!storage.isInteger())
      code = arith::BitcastOp::create(b, loc, b.getIntegerType(width), code);
    return buildResize(b, loc, code, 32, /*isSigned=*/false);
  });
  addFunction(builder, "decode", kCodes, builder.getI32Type(), builder.getF32Type(), [&](OpBuilder &b, Location loc, Value bits) {
    Value code = buildResize(b, loc, bits, width, /*isSigned=*/false);
    if (!storage.isInteger())
      code = arith::BitcastOp::create(b, loc, storage, code);
    return format.buildDecode(b, loc, code);
  });
  return module;
}

/// Every real at which rounding, saturation or a sign could go wrong, then a sweep over all exponents and signs.
std::vector<float> makeReals(NumberFormatAttrInterface format) {
  std::vector<float> reals{0.0f, -0.0f, INFINITY, -INFINITY, NAN, -NAN, 1e-45f, -1e-45f, 1e-38f, -1e-38f, 3.4e38f, -3.4e38f};
  std::vector<double> levels;
  for (uint64_t code = 0; code < (uint64_t(1) << std::min(format.getWidth(), 12u)); ++code)
    if (std::isfinite(format.decode(code)))
      levels.push_back(format.decode(code));
  llvm::sort(levels);
  for (size_t i = 0; i + 1 < levels.size(); ++i)
    for (double real : {levels[i], (levels[i] + levels[i + 1]) / 2}) {
      float value = static_cast<float>(real);
      reals.insert(reals.end(), {value, std::nextafter(value, INFINITY), std::nextafter(value, -INFINITY)});
    }
  // An odd stride visits signs, exponents and low mantissa bits alike.
  for (uint32_t bits = 1; reals.size() < static_cast<size_t>(kReals); bits += 16381)
    reals.push_back(llvm::bit_cast<float>(bits));
  reals.resize(kReals);
  return reals;
}

bool isSame(float left, float right) {
  return (std::isnan(left) && std::isnan(right)) || llvm::bit_cast<uint32_t>(left) == llvm::bit_cast<uint32_t>(right);
}

/// The distance to what the host's code stands for is the least there is.
bool isNearest(NumberFormatAttrInterface format, ArrayRef<double> levels, float real) {
  double target = std::clamp<double>(real, format.getSmallest(), format.getLargest());
  double chosen = format.decode(format.encode(real, 0));
  auto above = std::lower_bound(levels.begin(), levels.end(), target);
  double best = INFINITY;
  if (above != levels.end())
    best = std::abs(*above - target);
  if (above != levels.begin())
    best = std::min(best, std::abs(*std::prev(above) - target));
  return std::abs(chosen - target) <= best;
}

void checkNearest(NumberFormatAttrInterface format, ArrayRef<float> reals, StringRef name) {
  std::vector<double> levels;
  for (uint64_t code = 0; code < (uint64_t(1) << format.getWidth()); ++code) {
    double level = format.decode(code);
    if (std::isfinite(level) && level >= format.getSmallest() && level <= format.getLargest())
      levels.push_back(level);
  }
  llvm::sort(levels);
  unsigned wrong = 0;
  for (float real : reals)
    // A zero is nobody's neighbour in binary, and thresholds of codebooks are rounded to f32.
    if (!std::isnan(real) && !isNearest(format, levels, real) && !StringRef(name).starts_with("codebook"))
      if (++wrong < 4)
        llvm::errs() << name << ": " << llvm::bit_cast<uint32_t>(real) << " = " << real << " encodes to " << format.encode(real, 0) << '\n';
  check(wrong == 0, name + " encodes to the nearest code");
}

template <typename T, typename U>
std::vector<U> call(const Executable &executable, StringRef name, std::vector<T> &input, StorageType from, StorageType to) {
  std::vector<U> output(input.size());
  Buffer in{from, {static_cast<int64_t>(input.size())}, input.data()}, out{to, {static_cast<int64_t>(input.size())}, output.data()};
  const Entry *entry = llvm::cantFail(executable.findEntry(name));
  llvm::cantFail(executable.run(*entry, in, out));
  return output;
}

void checkFormat(MLIRContext *context, StringRef name, StringRef target) {
  auto format = dyn_cast_or_null<NumberFormatAttrInterface>(parseAttribute(("#lowbit." + name).str(), context));
  check(static_cast<bool>(format), name + " parses");
  if (!format)
    return;
  OwningOpRef<ModuleOp> module = buildModule(format);
  CompileOptions options;
  options.target = target.str();
  FailureOr<std::unique_ptr<Executable>> executable = Executable::compile(*module, options);
  check(succeeded(executable), name + " compiles");
  if (failed(executable))
    return;

  std::vector<float> reals = makeReals(format);
  std::vector<int32_t> codes = call<float, int32_t>(**executable, "encode", reals, {'f', 4}, {'i', 4});
  unsigned wrong = 0;
  for (auto [real, code] : llvm::zip_equal(reals, codes))
    if (static_cast<uint64_t>(code) != format.encode(real, 0) && ++wrong < 4)
      llvm::errs() << name << ": " << real << " (" << llvm::bit_cast<uint32_t>(real) << ") encodes to " << code << ", on the host to "
                   << format.encode(real, 0) << '\n';
  check(wrong == 0, name + " encodes like the host");

  std::vector<int32_t> all(kCodes);
  for (auto [i, code] : llvm::enumerate(all))
    code = i & llvm::maskTrailingOnes<uint64_t>(format.getWidth());
  std::vector<float> decoded = call<int32_t, float>(**executable, "decode", all, {'i', 4}, {'f', 4});
  wrong = 0;
  for (auto [code, real] : llvm::zip_equal(all, decoded))
    if (!isSame(real, static_cast<float>(format.decode(code))) && ++wrong < 4)
      llvm::errs() << name << ": code " << code << " decodes to " << real << ", on the host to " << format.decode(code) << '\n';
  check(wrong == 0, name + " decodes like the host");
  check(format.encode(NAN, 0) == format.encode(-INFINITY, 0), name + " encodes NaN as the smallest");
  checkNearest(format, reals, name);
}

} // namespace
} // namespace mlir::lowbit::unittest

int main() {
  using namespace mlir;
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  lowbit::registerAllDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  for (const char *target : {"reference", "host"})
    for (const char *name : lowbit::unittest::kFormats)
      lowbit::unittest::checkFormat(&context, name, target);
  return lowbit::unittest::finish();
}
