//===- Rotate.cpp - outliers spread over all channels ---------------------===//
//
// Ashkboos et al., "QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs", 2024, arXiv:2404.00456.
//
// Law: (x Q) (Q^T w) == x w; all linears that read one activation share its rotation.
//
//===----------------------------------------------------------------------===//

#include "ChannelProducer.h"
#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/Hadamard.h"
#include "lowbit/Transforms/Constants.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_ROTATEPASS
#include "lowbit/PTQ/Passes.h.inc"

namespace {

/// Linears that read one activation.
using Group = SmallVector<FloatLinear, 0>;

/// A weight on its way from one basis to the other.
struct Weight {
  FloatLinear linear;
  int64_t rotatedAxis, inputAxis;
  PagedVector<float> values; ///< Of a group, which may be many layers.
};

/// The sum over outputs of max |w| / rms w, and how many there are.
struct Crest {
  double sum = 0;
  int64_t count = 0;

  void add(ArrayRef<float> values, ArrayRef<int64_t> shape, int64_t axis) {
    int64_t size = shape[axis], inner = 1;
    for (int64_t dim : shape.drop_front(axis + 1))
      inner *= dim;
    for (int64_t vector = 0, end = values.size() / size; vector < end; ++vector) {
      const float *first = &values[vector / inner * inner * size + vector % inner];
      double largest = 0, squares = 0;
      for (int64_t k = 0; k < size; ++k) {
        double real = first[k * inner];
        largest = std::max(largest, std::fabs(real));
        squares += real * real;
      }
      sum += squares > 0 ? largest / std::sqrt(squares / size) : 1;
      ++count;
    }
  }
  double getMean() const { return sum / count; }
};

struct RotatePass final : AlgorithmPass<impl::RotatePassBase<RotatePass>> {
  using AlgorithmPass::AlgorithmPass;

  bool changesActivations() const override { return true; }
  void setRecipe(StringRef text) override { recipe = text.str(); }

  void runOnOperation() override {
    SmallVector<FloatLinear, 0> linears = FloatLinear::collect(getOperation());
    llvm::MapVector<Value, Group> groups;
    if (failed(checkOptions()) || failed(collect(linears, groups)))
      return signalPassFailure();
    for (auto &[input, group] : groups)
      if (failed(rotate(input, group, linears)))
        return signalPassFailure();
  }

private:
  LogicalResult checkOptions() {
    if (!(tolerance >= 0) || !std::isfinite(tolerance))
      return emitError(getOperation().getLoc()) << "rotate: tolerance is " << double(tolerance) << "; expected a number from 0 on";
    if (block == 0 || (block > 1 && llvm::isPowerOf2_64(block)))
      return success();
    return emitError(getOperation().getLoc()) << "rotate: block is " << int64_t(block)
                                              << "; expected a power of two from 2 on, or 0 for the largest that divides the inputs";
  }

  LogicalResult collect(ArrayRef<FloatLinear> linears, llvm::MapVector<Value, Group> &groups) {
    std::optional<Recipe> rules;
    Location loc = getOperation().getLoc();
    if (!recipe.empty()) {
      FailureOr<Recipe> loaded = Recipe::load(recipe, loc);
      if (failed(loaded))
        return failure();
      rules = std::move(*loaded);
    }
    llvm::Expected<llvm::GlobPattern> glob = RecipeRule::compilePattern(sites);
    if (!glob)
      return emitError(loc) << "`sites` is \"" << sites << "\": " << llvm::toString(glob.takeError());
    SiteEnds ends(getOperation());
    bool matchesAny = sites == "*";
    for (const FloatLinear &linear : linears) {
      if (!glob->match(linear.getName()))
        continue;
      matchesAny = true;
      if (rules && !becomesCodes(*rules, ends, linear))
        continue;
      if (isRotated(linear)) {
        reportUnchanged(linear.getOp(), "it is rotated already");
        continue;
      }
      if (std::string reason = findReason(linear); !reason.empty()) {
        reportUnchanged(linear.getOp(), reason);
        continue;
      }
      if (std::string obstacle = linear.findObstacle(); !obstacle.empty())
        return linear.getOp()->emitOpError() << "site `" << linear.getName() << "` cannot be rotated: " << obstacle
                                             << "; rotate before (recipes do by themselves), and calibrate what is rotated";
      if (block != 0 && getNumInputs(linear) % block != 0)
        return linear.getOp()->emitOpError() << "site `" << linear.getName() << "` has " << getNumInputs(linear)
                                             << " inputs, which blocks of " << int64_t(block)
                                             << " do not divide; choose a `block` that does, or exclude the site by `match`";
      groups[linear.getInput()].push_back(linear);
    }
    if (matchesAny)
      return success();
    InFlightDiagnostic diagnostic = emitError(loc) << "rotate: pattern \"" << sites << "\" matches no linear with a constant weight";
    Diagnostic &note = diagnostic.attachNote() << (linears.empty() ? "there is none" : "they are named");
    for (const FloatLinear &linear : linears.take_front(8))
      note << " `" << linear.getName() << "`";
    return diagnostic;
  }

  /// Whether both sides do: only then outliers of the activation matter.
  static bool becomesCodes(const Recipe &rules, const SiteEnds &ends, const FloatLinear &linear) {
    const RecipeRule *rule = rules.findRule(linear.getName(), linear.getOp().getSiteKind(), ends.contains(linear.getOp()));
    return rule && rule->weight && rule->activation;
  }

  static bool isRotated(const FloatLinear &linear) {
    auto changes = linear.getOp()->getAttrOfType<ArrayAttr>(kActivationChangesAttr);
    return changes &&
           llvm::any_of(changes.getAsRange<StringAttr>(), [](StringAttr change) { return change.getValue().starts_with("rotate "); });
  }

  static int64_t getNumInputs(const FloatLinear &linear) { return linear.getWeightType().getDimSize(*linear.getWeightAxis()); }

  /// Why there is nothing to rotate; empty when there is.
  static std::string findReason(const FloatLinear &linear) {
    auto type = cast<RankedTensorType>(linear.getInput().getType());
    if (!linear.getInputAxis() || !linear.getWeightAxis() || *linear.getInputAxis() != type.getRank() - 1)
      return "it does not sum over exactly the last axis of its activation";
    if (!type.getElementType().isF32() || !linear.getWeightType().getElementType().isF32())
      return "its operands are not f32";
    if (int64_t size = getNumInputs(linear); size % 2 != 0)
      return llvm::formatv("its {0} inputs come in no blocks of a power of two", size);
    return "";
  }

  LogicalResult rotate(Value input, Group &group, ArrayRef<FloatLinear> linears) {
    int64_t size = getNumInputs(group.front()), wanted = block != 0 ? int64_t(block) : size & -size;
    std::optional<ChannelProducer> producer = fuse ? findChannelProducer(input, group, linears) : std::nullopt;
    if (producer && (!producer->linear.findObstacle().empty() || !producer->linear.getWeightType().getElementType().isF32()))
      producer.reset();
    // Heads keep channels apart: a product more is then worth its cost.
    if (producer && producer->run % wanted == 0) {
      FailureOr<bool> done = rotate(input, group, Rotation(size, wanted, seed), producer);
      if (failed(done) || *done)
        return done;
    }
    return rotate(input, group, Rotation(size, wanted, seed), std::nullopt);
  }

  /// False where weights would be harder to round than they are, and nothing has changed.
  FailureOr<bool> rotate(Value input, Group &group, const Rotation &rotation, std::optional<ChannelProducer> producer) {
    SmallVector<Weight, 0> weights;
    for (FloatLinear &linear : group)
      weights.push_back({linear, *linear.getWeightAxis(), *linear.getWeightAxis(), {}});
    if (producer)
      weights.push_back({producer->linear, producer->weightAxis, producer->linear.getWeightAxis().value_or(0), {}});
    Crest before, after;
    for (Weight &weight : weights) {
      FailureOr<std::vector<float>> values = weight.linear.readWeight();
      if (failed(values))
        return failure();
      ArrayRef<int64_t> shape = weight.linear.getWeightType().getShape();
      before.add(*values, shape, weight.inputAxis);
      rotation.apply(&getContext(), *values, shape, weight.rotatedAxis);
      after.add(*values, shape, weight.inputAxis);
      weight.values.assign(values->begin(), values->end());
    }
    if (!(after.getMean() <= before.getMean() * (1 + tolerance))) {
      if (!producer)
        for (FloatLinear &linear : group)
          reportUnchanged(linear.getOp(),
                          llvm::formatv("max/rms of its weights would be {0:f3}, not {1:f3}", after.getMean(), before.getMean()).str());
      return false;
    }
    for (Weight &weight : weights)
      weight.linear.setWeight(weight.values, ".rotate");
    if (producer) {
      if (failed(rotateBiases(*producer, rotation)))
        return failure();
    } else {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(input);
      Value rotated = rotation.build(builder, input.getLoc(), input);
      for (FloatLinear &linear : group)
        linear.setInput(rotated);
    }
    std::string change = llvm::formatv("rotate block={0} seed={1}{2}", rotation.getBlock(), int64_t(seed), producer ? " fused" : "");
    for (FloatLinear &linear : group) {
      noteActivationChange(linear.getOp(), change);
      reportImprovement(linear.getOp(), "max/rms of weights", before.getMean(), after.getMean());
    }
    return true;
  }

  LogicalResult rotateBiases(ChannelProducer &producer, const Rotation &rotation) {
    for (OpOperand *bias : producer.biases) {
      ElementsAttr old = getConstantElements(bias->get());
      FailureOr<std::vector<float>> values = readReals(bias->getOwner(), old);
      if (failed(values))
        return failure();
      auto type = cast<RankedTensorType>(old.getType());
      rotation.apply(&getContext(), *values, type.getShape(), 0);
      OpBuilder builder(bias->getOwner());
      ArrayRef<char> bytes(reinterpret_cast<const char *>(values->data()), values->size() * sizeof(float));
      std::string key = (getResourceKey(old, "bias") + ".rotate").str();
      bias->set(arith::ConstantOp::create(builder, bias->get().getLoc(), type, cast<TypedAttr>(buildElements(type, bytes, key))));
    }
    return success();
  }
};
} // namespace
} // namespace mlir::lowbit
