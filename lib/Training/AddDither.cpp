//===- AddDither.cpp - noise that makes rounding to nearest stochastic ----===//
// Law: within the range of the codes, the mean of what is rounded is the value. Noise is the same wherever and whenever it is computed.

#include "NamePatterns.h"
#include "Philox.h"
#include "lowbit/Conversion/BlockView.h"
#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Training/Parameters.h"
#include "lowbit/Training/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_ADDDITHERPASS
#include "lowbit/Training/Passes.h.inc"

namespace {

constexpr StringLiteral kNoise = "noise", kScaleSuffix = "_scale";
/// Bits of a random word that a float in [0, 1) takes.
constexpr unsigned kRandomBits = 23;

/// The distance between the reals of neighbouring codes; none where it is not one.
std::optional<double> getGap(NumberFormatAttrInterface format) {
  SmallVector<double> reals;
  for (uint64_t code = 0; code < (uint64_t(1) << format.getWidth()); ++code)
    reals.push_back(format.decode(code));
  llvm::sort(reals);
  reals.erase(llvm::unique(reals), reals.end());
  if (reals.size() < 2)
    return std::nullopt;
  double gap = reals[1] - reals[0];
  for (auto [low, high] : llvm::zip(ArrayRef(reals).drop_back(), ArrayRef(reals).drop_front()))
    if (high - low != gap)
      return std::nullopt;
  return gap;
}

/// What `op` rounds: as it says itself, the parameter, or the site whose activation the scale is of. Empty when nothing has a name.
std::string getRoundedName(func::FuncOp function, FakeQuantOp op) {
  if (auto name = op->getAttrOfType<StringAttr>(kNameAttr))
    return name.str();
  if (auto weight = dyn_cast<BlockArgument>(op.getInput()); weight && function.getArgAttr(weight.getArgNumber(), kParameterAttr))
    return getPortName(function, weight.getArgNumber());
  auto scale = dyn_cast<BlockArgument>(op.getScales());
  std::string name = scale ? getPortName(function, scale.getArgNumber()) : "";
  return StringRef(name).ends_with(kScaleSuffix) ? StringRef(name).drop_back(kScaleSuffix.size()).str() : "";
}

struct AddDitherPass final : impl::AddDitherPassBase<AddDitherPass> {
  using AddDitherPassBase::AddDitherPassBase;

  void runOnOperation() override {
    if (failed(add()))
      signalPassFailure();
  }

private:
  LogicalResult add() {
    func::FuncOp model = findFunction(getOperation(), function);
    if (!model)
      return failure();
    FailureOr<NamePatterns> patterns = NamePatterns::parse(model, values);
    if (failed(patterns))
      return failure();
    SmallVector<FakeQuantOp> rounded;
    for (auto op : model.getBody().front().getOps<FakeQuantOp>())
      if (std::string name = getRoundedName(model, op); !name.empty() && patterns->match(name))
        rounded.push_back(op);
    if (const std::string *unused = patterns->findUnused())
      return model.emitError() << "nothing that is rounded matches `" << *unused
                               << "`; expected a glob over names such as `fc1.weight`, or `fc1.activation` where its scale is static";
    if (rounded.empty())
      return model.emitError() << "`" << function << "` rounds no parameter, and nothing by a scale that is one";
    for (unsigned i = 0, e = model.getNumArguments(); i != e; ++i)
      if (getPortName(model, i) == kNoise)
        return model.emitError() << "`" << function << "` has an argument `" << kNoise << "` already; expected that name to be free";
    unsigned index = model.getNumArguments();
    Builder attrs(&getContext());
    auto named = attrs.getDictionaryAttr(attrs.getNamedAttr(kNameAttr, attrs.getStringAttr(kNoise)));
    if (failed(model.insertArgument(index, RankedTensorType::get({2}, attrs.getI32Type()), named, model.getLoc())))
      return failure();
    for (auto [i, op] : llvm::enumerate(rounded))
      if (failed(addNoise(op, model.getArgument(index), i)))
        return failure();
    return success();
  }

  static LogicalResult addNoise(FakeQuantOp op, Value noise, unsigned number) {
    auto type = cast<RankedTensorType>(op.getType());
    std::optional<double> gap = getGap(op.getScheme().getFormat());
    if (!gap)
      return op.emitOpError() << "rounds to " << op.getScheme().getFormat()
                              << ", whose codes are not evenly apart; expected integers, ternary or binary to round stochastically";
    if (!type.hasStaticShape() || !type.getElementType().isF32())
      return op.emitOpError() << "rounds " << type << "; expected f32 of a static shape to round stochastically";
    OpBuilder b(op);
    Location loc = op.getLoc();
    auto read = [&](int64_t index) -> Value {
      return tensor::ExtractOp::create(b, loc, noise, arith::ConstantIndexOp::create(b, loc, index).getResult());
    };
    Value key = buildPhiloxKey(b, loc, read(0), number), step = read(1);
    BlockView view(b, loc, op.getScheme(), op.getInput());
    Value split = view.split(op.getInput()), scales = view.squeeze(op.getScales());
    AffineMap element = view.getElementMap();
    ArrayRef<int64_t> shape = cast<RankedTensorType>(split.getType()).getShape();
    Value dither = buildGeneric(b, loc, scales, buildEmptyLike(b, loc, split, b.getF32Type()), {view.getScaleMap(), element},
                                [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
                                  Value word = buildPhilox(nested, at, buildNumber(nested, at, shape), step, key);
                                  return buildShare(nested, at, word, buildAsF32(nested, at, args[0]), *gap);
                                });
    dither.getDefiningOp()->setAttr(kDetachedAttr, b.getUnitAttr());
    Value moved = buildGeneric(
        b, loc, {split, dither}, buildEmptyLike(b, loc, split, b.getF32Type()), {element, element, element},
        [](OpBuilder &nested, Location at, ValueRange args) -> Value { return arith::AddFOp::create(nested, at, args[0], args[1]); });
    op.getInputMutable().assign(view.merge(moved, type));
    return success();
  }

  /// The number, i32, of the element that a loop over `shape` is at.
  static Value buildNumber(OpBuilder &b, Location loc, ArrayRef<int64_t> shape) {
    Value number = arith::ConstantIndexOp::create(b, loc, 0);
    for (auto [axis, size] : llvm::enumerate(shape)) {
      Value scaled = arith::MulIOp::create(b, loc, number, arith::ConstantIndexOp::create(b, loc, size));
      number = arith::AddIOp::create(b, loc, scaled, linalg::IndexOp::create(b, loc, axis));
    }
    return arith::IndexCastOp::create(b, loc, b.getI32Type(), number);
  }

  /// `gap * scale * (u - 0.5)` with `u` of the upper bits of `word`, in steps whose ends are never reached.
  static Value buildShare(OpBuilder &b, Location loc, Value word, Value scale, double gap) {
    auto real = [&](double value) -> Value { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(static_cast<float>(value))); };
    Value shift = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(32 - kRandomBits));
    Value bits = arith::UIToFPOp::create(b, loc, b.getF32Type(), arith::ShRUIOp::create(b, loc, word, shift));
    double step = 1.0 / (uint64_t(1) << kRandomBits);
    Value centred = arith::MulFOp::create(b, loc, arith::AddFOp::create(b, loc, bits, real(0.5)), real(step));
    centred = arith::MulFOp::create(b, loc, arith::SubFOp::create(b, loc, centred, real(0.5)), real(gap));
    return arith::MulFOp::create(b, loc, centred, scale);
  }
};
} // namespace
} // namespace mlir::lowbit
