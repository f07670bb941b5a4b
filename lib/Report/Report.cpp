//===- Report.cpp - what quantization has done, as data -------------------===//
//
// Law: every constant is counted once in the totals, every contraction has a row, and the same module gives the same text.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Report/Report.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Report/Energy.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/RegionGraphTraits.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {

namespace {

using llvm::json::Object;

/// Bytes of constants as they are stored and as they were in f32.
struct Bytes {
  int64_t quantized = 0, floating = 0;
  Object toJSON() const { return Object{{"float", floating}, {"quantized", quantized}}; }
};

/// Picojoules.
struct Energy {
  double arithmetic = 0, memory = 0;
  Object toJSON() const { return Object{{"arithmetic", arithmetic}, {"memory", memory}}; }
  void operator+=(const Energy &other) {
    arithmetic += other.arithmetic;
    memory += other.memory;
  }
};

/// Multiply-accumulates by the widths of both sides, in the order of the text.
using Macs = std::map<std::string, int64_t>;

Object toJSON(const Macs &macs) {
  Object object;
  for (const auto &[width, count] : macs)
    object[width] = count;
  return object;
}

/// Walks back from values to the constants they are made of, through views, fills and lookups, but not through another site.
class ConstantFinder {
public:
  void visit(Value value, Operation *site) {
    Operation *producer = value.getDefiningOp();
    if (!producer || !seen.insert(producer).second || (producer != site && producer->hasAttr(kSiteAttr)))
      return;
    if (auto constant = dyn_cast<arith::ConstantOp>(producer))
      return constants.push_back(constant);
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(producer->getRegions(), captured);
    for (Value operand : captured)
      visit(operand, site);
    if (producer->getNumOperands() <= 3 && isMovement(producer))
      for (Value operand : producer->getOperands())
        visit(operand, site);
  }

  SmallVector<arith::ConstantOp> constants;

private:
  /// Whether the op only brings elements to their place: not what computes an activation.
  static bool isMovement(Operation *op) {
    return isa<ViewLikeOpInterface>(op) || isa<linalg::TransposeOp, PackOp, UnpackOp, DequantizeOp>(op) ||
           op->getName().getDialectNamespace() == "tensor";
  }

  SmallPtrSet<Operation *, 8> seen;
};

/// How many codes a constant of codes, or of packed ones, holds.
int64_t countCodes(Value constant) {
  for (Operation *user : constant.getUsers()) {
    if (!isa<UnpackOp>(user))
      continue;
    for (Operation *reader : user->getUsers())
      if (auto slice = dyn_cast<tensor::ExtractSliceOp>(reader); slice && findUnpack(slice) == user)
        return slice.getType().getNumElements();
    return countCodes(user->getResult(0));
  }
  return cast<ShapedType>(constant.getType()).getNumElements();
}

Bytes getBytes(arith::ConstantOp constant, bool isCode) {
  if (!isa<ShapedType>(constant.getType()))
    return {};
  auto elements = dyn_cast<ElementsAttr>(constant.getValue());
  auto stored = static_cast<int64_t>(elements ? getStoredBytes(elements) : 0);
  return {stored, isCode ? countCodes(constant) * 4 : 0};
}

class ReportBuilder {
public:
  ReportBuilder(ModuleOp module, const Statistics *statistics) : module(module), statistics(statistics) {}

  Object build() {
    llvm::json::Array rows;
    module.walk([&](Operation *op) {
      if (auto contract = dyn_cast<ContractOp>(op))
        rows.push_back(buildContract(contract));
      else if (auto dequantize = dyn_cast<DequantizeOp>(op); dequantize && op->hasAttr(kSiteAttr))
        rows.push_back(buildTable(dequantize));
      else if (op->hasAttr(kFloatReasonAttr) || op->hasAttr(kSiteAttr) || isContraction(op))
        rows.push_back(buildFloat(op));
    });
    return Object{{"version", 1},
                  {"bytes", countConstants().toJSON()},
                  {"macs", toJSON(totalMacs)},
                  {"energy_pj", energy.toJSON()},
                  {"energy_table", getEnergyTable()},
                  {"sites", std::move(rows)}};
  }

private:
  static bool isContraction(Operation *op) {
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    return linalgOp && linalgOp.getNumReductionLoops() > 0 &&
           (linalg::isaContractionOpInterface(linalgOp) || linalg::isaConvolutionOpInterface(linalgOp));
  }

  Object buildRow(Operation *op, StringRef kind) {
    auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
    std::string loc;
    llvm::raw_string_ostream(loc) << op->getLoc();
    Object row{{"site", site ? site.getValue().str() : ""}, {"kind", kind.str()}, {"loc", loc}};
    if (auto algorithms = op->getAttrOfType<ArrayAttr>(kAlgorithmsAttr)) {
      llvm::json::Array texts;
      for (auto text : algorithms.getAsRange<StringAttr>())
        texts.push_back(text.getValue().str());
      row["algorithms"] = std::move(texts);
    }
    if (site)
      addStatistics(row, site);
    return row;
  }

  void addStatistics(Object &row, StringAttr name) {
    const SiteStatistics *site = statistics ? statistics->lookup(name.getValue()) : nullptr;
    if (!site || site->getCount() == 0)
      return;
    auto [low, high] = site->getRange(NumberFormatAttrInterface(), false);
    row["range"] = llvm::json::Array{low, high};
    llvm::json::Array counts;
    int64_t half = site->histogram.getNumBins() / 2;
    for (int64_t bin = -half; bin < half; ++bin)
      counts.push_back(static_cast<int64_t>(site->histogram.getBinCount(bin)));
    double width = site->histogram.getBinWidth();
    row["histogram"] = Object{{"low", -half * width}, {"width", width}, {"counts", std::move(counts)}};
  }

  static std::string print(Attribute attribute) {
    std::string text;
    llvm::raw_string_ostream(text) << attribute;
    return text;
  }

  /// Products, and energy where they can be counted. `bytes` are of constants, which are read from memory.
  void addMacs(Object &row, unsigned left, unsigned right, ArrayRef<int64_t> loops, int64_t bytes) {
    int64_t count = 1;
    for (int64_t size : loops)
      count = ShapedType::isDynamic(size) || count == ShapedType::kDynamic ? ShapedType::kDynamic : count * size;
    if (ShapedType::isDynamic(count))
      return;
    std::string width = std::to_string(left) + "x" + std::to_string(right);
    totalMacs[width] += count;
    row["macs"] = Object{{width, count}};
    Energy here{getPicojoules(left, right) * static_cast<double>(count), getPicojoulesPerByte() * static_cast<double>(bytes)};
    energy += here;
    row["energy_pj"] = here.toJSON();
  }

  /// Returns the bytes of the site's constants.
  int64_t addWeight(Object &row, ConstantFinder &finder, ArrayRef<Value> operands) {
    Bytes bytes;
    SmallVector<Value> codes;
    for (Value operand : operands)
      if (std::optional<StoredCodes> stored = findStoredCodes(operand))
        codes.push_back(stored->constant);
    for (arith::ConstantOp constant : finder.constants) {
      bool isCode = constant->hasAttr(kSQNRAttr) || llvm::is_contained(codes, constant.getResult());
      Bytes each = getBytes(constant, isCode);
      bytes.quantized += each.quantized;
      bytes.floating += each.floating;
      if (auto sqnr = constant->getAttrOfType<FloatAttr>(kSQNRAttr))
        row["sqnr_db"] = sqnr.getValueAsDouble();
    }
    row["bytes"] = bytes.toJSON();
    return bytes.quantized;
  }

  Object buildContract(ContractOp op) {
    Object row = buildRow(op, "contract");
    Object operands;
    auto getWidth = [&](StringRef name, SchemeAttr scheme, Value value) -> unsigned {
      operands[name] = scheme ? print(scheme) : std::string("float");
      return scheme ? scheme.getFormat().getWidth() : getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
    };
    unsigned left = getWidth("lhs", op.getLhsSchemeAttr(), op.getLhs()), right = getWidth("rhs", op.getRhsSchemeAttr(), op.getRhs());
    row["operands"] = std::move(operands);
    ConstantFinder finder;
    for (Value value : {op.getLhs(), op.getLhsScales(), op.getLhsZeros(), op.getRhs(), op.getRhsScales(), op.getRhsZeros()})
      if (value)
        finder.visit(value, op);
    addMacs(row, left, right, op.getLoopSizes(), addWeight(row, finder, {op.getLhs(), op.getRhs()}));
    return row;
  }

  Object buildTable(DequantizeOp op) {
    Object row = buildRow(op, "table");
    row["operands"] = Object{{"weight", print(op.getScheme())}};
    ConstantFinder finder;
    for (Value value : op->getOperands())
      finder.visit(value, op);
    addWeight(row, finder, {});
    return row;
  }

  Object buildFloat(Operation *op) {
    Object row = buildRow(op, op->getName().getStringRef());
    auto reason = op->getAttrOfType<StringAttr>(kFloatReasonAttr);
    row["float_reason"] = reason ? reason.getValue().str() : std::string("no pass has looked at it");
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op); linalgOp && isContraction(op)) {
      auto getWidth = [&](unsigned side) -> unsigned {
        Type element = getElementTypeOrSelf(linalgOp.getDpsInputs()[side].getType());
        return element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 32;
      };
      ConstantFinder finder;
      for (Value input : linalgOp.getDpsInputs())
        finder.visit(input, op);
      int64_t bytes = 0;
      for (arith::ConstantOp constant : finder.constants)
        bytes += getBytes(constant, false).quantized;
      addMacs(row, getWidth(0), getWidth(1), linalgOp.getStaticLoopRanges(), bytes);
    }
    return row;
  }

  /// Totals over the constants of the module: codes would have been floats.
  Bytes countConstants() {
    Bytes total;
    module.walk([&](arith::ConstantOp constant) {
      Bytes each = getBytes(constant, constant->hasAttr(kSQNRAttr));
      total.quantized += each.quantized;
      bool isFloat =
          !constant->hasAttr(kAddedAttr) && isa<FloatType>(getElementTypeOrSelf(constant.getType())) && isa<ShapedType>(constant.getType());
      total.floating += constant->hasAttr(kSQNRAttr) ? each.floating : isFloat ? each.quantized : 0;
    });
    return total;
  }

  ModuleOp module;
  const Statistics *statistics;
  Macs totalMacs;
  Energy energy;
};

} // namespace

Object buildReport(ModuleOp module, const Statistics *statistics) { return ReportBuilder(module, statistics).build(); }

} // namespace mlir::lowbit
