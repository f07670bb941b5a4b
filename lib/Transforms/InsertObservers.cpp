//===- InsertObservers.cpp - record the activations of named sites --------===//
//
// Invariant: the model computes what it did before; every pattern has named something.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Calibration/MomentRows.h"
#include "lowbit/Calibration/Statistics.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_INSERTOBSERVERSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// What keeps a state of its own in each observed tensor.
enum class StateAxes { Tensor, Channel, Token };

/// Whether a tensor can afford a state for each channel.
bool isSmall(ObserverAttrInterface policy) {
  std::unique_ptr<ObserverState> state = policy.createState();
  state->observe({-1.0f, 1.0f});
  return state->getNumBytes() <= 1024;
}

/// A pattern with whether it has named a site.
struct SitePattern {
  std::string text;
  llvm::GlobPattern glob;
  bool matched = false;
};

struct InsertObserversPass final : PassWithModels<impl::InsertObserversPassBase<InsertObserversPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    if (failed(parseOptions()))
      return signalPassFailure();
    // Ops are collected first: what is inserted must not be visited.
    SmallVector<QuantizableOpInterface> ops;
    getOperation()->walk([&](QuantizableOpInterface op) { ops.push_back(op); });
    SmallVector<StringRef> names;
    for (QuantizableOpInterface op : ops)
      if (failed(observe(op, names)))
        return signalPassFailure();
    if (failed(checkPatterns(names)))
      return signalPassFailure();
  }

private:
  LogicalResult parseOptions() {
    Location loc = getOperation().getLoc();
    policy = parseObserver(observer, &getContext());
    if (!policy)
      return emitError(loc) << "unknown observer `" << observer << "`; expected such as `minmax` or `percentile<99.9>`";
    auto parsed = llvm::StringSwitch<std::optional<StateAxes>>(axes)
                      .Case("tensor", StateAxes::Tensor)
                      .Case("channel", StateAxes::Channel)
                      .Case("token", StateAxes::Token)
                      .Case("auto", isSmall(policy) ? StateAxes::Channel : StateAxes::Tensor)
                      .Default(std::nullopt);
    if (!parsed)
      return emitError(loc) << "unknown axes `" << axes << "`; expected `tensor`, `channel`, `token` or `auto`";
    stateAxes = *parsed;
    return success(succeeded(parsePatterns(sites, patterns)) && succeeded(parsePatterns(moments, momentPatterns)));
  }

  LogicalResult parsePatterns(ArrayRef<std::string> texts, SmallVectorImpl<SitePattern> &result) {
    for (const std::string &text : texts) {
      llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(text, /*MaxSubPatterns=*/64);
      if (!glob)
        return emitError(getOperation().getLoc()) << "pattern `" << text << "` is not a glob: " << llvm::toString(glob.takeError());
      result.push_back({text, std::move(*glob)});
    }
    return success();
  }

  /// Observes the activations of `op` if its name is asked for; collects names for messages.
  LogicalResult observe(QuantizableOpInterface op, SmallVectorImpl<StringRef> &names) {
    std::string reason;
    SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
    if (operands.empty())
      return success();
    auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
    if (!site)
      return op->emitOpError() << "can be quantized but has no `" << kSiteAttr << "`; run `lowbit-name-sites` first";
    names.push_back(site.getValue());
    for (const QuantizableOperand &operand : operands) {
      std::string name = getObservedName(site, operand);
      if (operand.role != OperandRole::Activation || !isWanted(site, name))
        continue;
      if (failed(insert(op, operand, name, findWantedRows(op, site))))
        return failure();
    }
    return success();
  }

  bool isWanted(StringRef site, StringRef name) {
    bool wanted = patterns.empty();
    for (SitePattern &pattern : patterns)
      if (pattern.glob.match(site) || pattern.glob.match(name))
        wanted = pattern.matched = true;
    return wanted;
  }

  /// The rows that a weight meets, if their moments are asked for.
  std::optional<MomentRows> findWantedRows(QuantizableOpInterface op, StringRef site) {
    std::string reason;
    std::optional<MomentRows> rows = findMomentRows(op, reason);
    bool wanted = false;
    for (SitePattern &pattern : momentPatterns)
      if (rows && pattern.glob.match(site))
        wanted = pattern.matched = true;
    return wanted ? rows : std::nullopt;
  }

  LogicalResult insert(Operation *op, const QuantizableOperand &operand, StringRef name, const std::optional<MomentRows> &rows) {
    OpBuilder builder(op);
    Value value = operand.operand->get();
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getElementTypeBitWidth() > 32)
      return op->emitOpError() << "has an activation of type " << type << "; expected floats of at most 32 bits to observe";
    if (!type.getElementType().isF32())
      value = arith::ExtFOp::create(builder, op->getLoc(), type.clone(builder.getF32Type()), value);
    ArrayRef<int64_t> kept;
    if (stateAxes != StateAxes::Tensor)
      kept = stateAxes == StateAxes::Channel ? operand.reducedAxes : operand.keptAxes;
    SmallVector<int64_t> sorted = llvm::to_vector(kept);
    llvm::sort(sorted);
    DenseI64ArrayAttr perAxes = sorted.empty() ? DenseI64ArrayAttr() : builder.getDenseI64ArrayAttr(sorted);
    ObserveOp::create(builder, op->getLoc(), builder.getStringAttr(name), value, policy, perAxes, rows.has_value(),
                      rows ? rows->windows : WindowsAttr());
    return success();
  }

  LogicalResult checkPatterns(ArrayRef<StringRef> names) {
    Location loc = getOperation().getLoc();
    if (names.empty())
      return emitError(loc) << "module has no site to observe; expected ops that can be quantized";
    for (const SitePattern &pattern : llvm::concat<SitePattern>(patterns, momentPatterns)) {
      if (pattern.matched)
        continue;
      InFlightDiagnostic diagnostic = emitError(loc) << "pattern `" << pattern.text << "` matches no activation"
                                                     << (&pattern >= momentPatterns.begin() && &pattern < momentPatterns.end()
                                                             ? " of rows that meet a weight, which second moments are kept of"
                                                             : "");
      Diagnostic &note = diagnostic.attachNote() << "sites are named";
      for (StringRef name : names.take_front(8))
        note << " `" << name << "`";
      if (names.size() > 8)
        note << " and " << names.size() - 8 << " more";
      return diagnostic;
    }
    return success();
  }

  ObserverAttrInterface policy;
  StateAxes stateAxes = StateAxes::Tensor;
  SmallVector<SitePattern> patterns, momentPatterns;
};
} // namespace
} // namespace mlir::lowbit
