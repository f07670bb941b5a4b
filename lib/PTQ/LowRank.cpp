//===- LowRank.cpp - a thin product makes up for what codes lose ----------===//
//
// Invariant: the site itself, its codes and scales stay; what reads its result reads the sum with the correction.
//
//===----------------------------------------------------------------------===//

#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <numeric>
#include <random>

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWRANKPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {
/// Directions that are followed besides those that are kept: the last ones come slowly.
constexpr int64_t kSpare = 8;

struct Factors {
  std::vector<float> a, b;
};

struct LowRankPass final : AlgorithmPass<impl::LowRankPassBase<LowRankPass>> {
  using AlgorithmPass::AlgorithmPass;

  bool needsMoments() const override { return true; }

  LogicalResult improve(WeightSite &site) override {
    auto element = llvm::StringSwitch<FloatType>(type)
                       .Case("bf16", BFloat16Type::get(&getContext()))
                       .Case("f16", Float16Type::get(&getContext()))
                       .Case("f32", Float32Type::get(&getContext()))
                       .Default(FloatType());
    if (rank < 1 || iterations < 1 || !element)
      return site.getOp()->emitOpError() << "low-rank: rank is " << rank.getValue() << ", iterations " << iterations.getValue()
                                         << " and type " << type << "; expected positive numbers, and bf16, f16 or f32";
    int64_t inputs = site.getNumInputs(), outputs = site.getNumOutputs();
    if (!site.getOutputAxis())
      return reportUnchanged(site, "its outputs do not lie along one axis of its result"), success();
    if (rank * (inputs + outputs) >= inputs * outputs)
      return reportUnchanged(site, llvm::formatv("factors of rank {0} would hold no fewer numbers than its weight", rank.getValue()).str()),
             success();
    FailureOr<std::vector<float>> weight = site.readWeight();
    FailureOr<std::vector<float>> rounded = site.readRounded();
    FailureOr<SecondMoments> moments = readMoments(site);
    if (failed(weight) || failed(rounded) || failed(moments))
      return failure();
    Factors factors = factorError(*weight, *rounded, *moments, element.getFloatSemantics());
    double before = measureOutputError(&getContext(), *moments, *weight, *rounded);
    addProduct(false, inputs, outputs, rank, 1, factors.a.data(), rank, factors.b.data(), outputs, rounded->data(), outputs);
    double after = measureOutputError(&getContext(), *moments, *weight, *rounded);
    if (isBetter(site, "output error", before, after))
      addCorrection(site, factors, element);
    return success();
  }

private:
  /// `A = E B^T` and `B`, the `rank` largest eigenvectors of `E^T H E`.
  Factors factorError(ArrayRef<float> weight, ArrayRef<float> rounded, const SecondMoments &moments, const llvm::fltSemantics &semantics) {
    int64_t inputs = moments.getNumChannels(), outputs = weight.size() / inputs, count = std::min(rank + kSpare, outputs);
    std::vector<float> errors(weight.size());
    PagedVector<float> metric(moments.getProducts().begin(), moments.getProducts().end());
    for (auto [error, real, code] : llvm::zip_equal(errors, weight, rounded))
      error = real - code;
    // [N, count]; the same numbers on every machine.
    std::vector<float> basis(outputs * count);
    std::mt19937 random(0);
    for (float &value : basis)
      value = static_cast<float>(random()) / 4294967296.0f - 0.5f;
    std::vector<float> passed, weighed, next;
    for (int64_t step = 0; step <= iterations; ++step) {
      orthonormalize(basis, outputs, count);
      passed.assign(inputs * count, 0);
      weighed.assign(inputs * count, 0);
      next.assign(outputs * count, 0);
      addProduct(false, inputs, count, outputs, 1, errors.data(), outputs, basis.data(), count, passed.data(), count);
      addProduct(false, inputs, count, inputs, 1, metric.data(), inputs, passed.data(), count, weighed.data(), count);
      addProduct(true, outputs, count, inputs, 1, errors.data(), outputs, weighed.data(), count, next.data(), count);
      if (step < iterations)
        basis.swap(next);
    }
    // The largest directions within the basis.
    std::vector<double> within(count * count);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < count; ++j)
        for (int64_t n = 0; n < outputs; ++n)
          within[i * count + j] += static_cast<double>(basis[n * count + i]) * next[n * count + j];
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < i; ++j)
        within[i * count + j] = within[j * count + i] = (within[i * count + j] + within[j * count + i]) / 2;
    decomposeSymmetric(within, count);
    Factors factors{std::vector<float>(inputs * rank), std::vector<float>(rank * outputs)};
    for (int64_t r = 0; r < rank; ++r) {
      const double *vector = &within[(count - 1 - r) * count];
      for (int64_t n = 0; n < outputs; ++n)
        factors.b[r * outputs + n] = static_cast<float>(std::inner_product(vector, vector + count, &basis[n * count], 0.0));
      for (int64_t k = 0; k < inputs; ++k)
        factors.a[k * rank + r] = static_cast<float>(std::inner_product(vector, vector + count, &passed[k * count], 0.0));
    }
    for (std::vector<float> *values : {&factors.a, &factors.b})
      for (float &value : *values) {
        APFloat stored(value);
        bool losesInfo;
        stored.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
        value = stored.convertToFloat();
      }
    return factors;
  }

  /// Gram-Schmidt on the columns of `basis`, twice; columns that depend on those before become zero.
  static void orthonormalize(std::vector<float> &basis, int64_t rows, int64_t columns) {
    std::vector<double> wide(rows * columns);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        wide[j * rows + i] = basis[i * columns + j];
    for (int64_t j = 0; j < columns; ++j) {
      double *column = &wide[j * rows], first = std::inner_product(column, column + rows, column, 0.0), square = first;
      for (int64_t pass = 0; pass < 2; ++pass) {
        for (int64_t other = 0; other < j; ++other) {
          double *before = &wide[other * rows], share = std::inner_product(column, column + rows, before, 0.0);
          for (int64_t i = 0; i < rows; ++i)
            column[i] -= share * before[i];
        }
        square = std::inner_product(column, column + rows, column, 0.0);
      }
      double factor = square > 1e-20 * first ? 1 / std::sqrt(square) : 0;
      for (int64_t i = 0; i < rows; ++i)
        column[i] *= factor;
    }
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        basis[i * columns + j] = static_cast<float>(wide[j * rows + i]);
  }

  //===--------------------------------------------------------------------===//
  // IR
  //===--------------------------------------------------------------------===//

  void addCorrection(WeightSite &site, const Factors &factors, FloatType element) {
    auto op = cast<linalg::LinalgOp>(site.getOp());
    OpBuilder builder(op);
    builder.setInsertionPointAfter(op);
    Location loc = op.getLoc();
    Value result = op->getResult(0);
    auto type = cast<RankedTensorType>(result.getType());
    int64_t axis = *site.getOutputAxis();
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, op.getDpsInitOperand(0)->get()), thinSizes = sizes;
    thinSizes[axis] = builder.getIndexAttr(rank);

    auto buildConstant = [&](ArrayRef<float> values, ArrayRef<int64_t> shape, const std::string &key) {
      auto constantType = RankedTensorType::get(shape, builder.getF32Type());
      ArrayRef<char> bytes(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
      auto constant = arith::ConstantOp::create(builder, loc, constantType, cast<TypedAttr>(buildElements(constantType, bytes, key)));
      constant->setAttr(kAddedAttr, builder.getUnitAttr());
      return constant.getResult();
    };
    auto buildZeros = [&](ArrayRef<OpFoldResult> shape) {
      Value zero = arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
      return linalg::FillOp::create(builder, loc, zero, tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type()).getResult())
          .getResult(0);
    };
    auto name = [&](Operation *product, const std::string &key) {
      product->setAttr(kSiteAttr, builder.getStringAttr(key));
      product->setAttr(kFloatReasonAttr, builder.getStringAttr("makes up for what the codes of `" + site.getName() + "` lose"));
      if (!element.isF32())
        product->setAttr(kFloatTypeAttr, TypeAttr::get(element));
    };

    // The op itself with fewer outputs, then a product along them.
    std::string firstName = (site.getName() + ".low_rank.a").str(), secondName = (site.getName() + ".low_rank.b").str();
    SmallVector<Value> operands(op->getOperands());
    for (Value &operand : operands) {
      if (site.getActivation()->get() == operand)
        operand = getFloats(operand);
      else if (operand != op.getDpsInits()[0])
        operand = buildConstant(arrange(site, factors.a), getThinShape(site), firstName);
    }
    operands.back() = buildZeros(thinSizes);
    Operation *first = mlir::clone(builder, op, operands.back().getType(), operands);
    for (NamedAttribute attribute : llvm::to_vector(first->getDiscardableAttrs()))
      first->removeDiscardableAttr(attribute.getName());
    name(first, firstName);

    int64_t dims = type.getRank();
    MLIRContext *context = builder.getContext();
    AffineMap identity = builder.getMultiDimIdentityMap(dims);
    AffineExpr inner = builder.getAffineDimExpr(dims), output = builder.getAffineDimExpr(axis);
    AffineMap sums = AffineMap::get(dims + 1, 0, identity.getResults(), context);
    AffineMap thin = sums.replace(output, inner, dims + 1, 0), matrix = AffineMap::get(dims + 1, 0, {inner, output}, context);
    SmallVector<utils::IteratorType> loops(dims, utils::IteratorType::parallel);
    loops.push_back(utils::IteratorType::reduction);
    Value right = buildConstant(factors.b, {rank, site.getNumOutputs()}, secondName), init = buildZeros(sizes);
    auto second =
        linalg::GenericOp::create(builder, loc, init.getType(), ValueRange{first->getResult(0), right}, init,
                                  ArrayRef<AffineMap>{thin, matrix, sums}, loops, [](OpBuilder &b, Location at, ValueRange values) {
                                    Value term = arith::MulFOp::create(b, at, values[0], values[1]);
                                    linalg::YieldOp::create(b, at, arith::AddFOp::create(b, at, values[2], term).getResult());
                                  });
    name(second, secondName);

    Value empty = tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type());
    SmallVector<AffineMap> identities(3, identity);
    loops.pop_back();
    auto sum = linalg::GenericOp::create(builder, loc, type, ValueRange{result, second.getResult(0)}, empty, identities, loops,
                                         [](OpBuilder &b, Location at, ValueRange values) {
                                           linalg::YieldOp::create(b, at, arith::AddFOp::create(b, at, values[0], values[1]).getResult());
                                         });
    result.replaceAllUsesExcept(sum.getResult(0), sum);
  }

  /// What an activation is before it becomes codes.
  static Value getFloats(Value activation) {
    auto dequantize = activation.getDefiningOp<DequantizeOp>();
    auto quantize = dequantize ? dequantize.getCodes().getDefiningOp<QuantizeOp>() : QuantizeOp();
    return quantize ? quantize.getInput() : activation;
  }

  /// The weight of `site` with `rank` outputs.
  SmallVector<int64_t> getThinShape(WeightSite &site) const {
    SmallVector<int64_t> shape = llvm::to_vector(site.getWeightShape());
    shape[site.getWeightAxis()] = rank;
    return shape;
  }

  /// `a` `[K, rank]` as the weight of `site` lies.
  std::vector<float> arrange(WeightSite &site, ArrayRef<float> a) const {
    int64_t inner = ShapedType::getNumElements(site.getWeightShape().drop_front(site.getWeightAxis() + 1));
    std::vector<float> stored(a.size());
    for (int64_t k = 0; k < site.getNumInputs(); ++k)
      for (int64_t r = 0; r < rank; ++r)
        stored[(k / inner * rank + r) * inner + k % inner] = a[k * rank + r];
    return stored;
  }
};
} // namespace
} // namespace mlir::lowbit
