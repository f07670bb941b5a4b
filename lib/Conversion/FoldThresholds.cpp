//===- FoldThresholds.cpp - few codes of sums by comparisons --------------===//
// Law: the code of every sum that formats and the number of products allow is the one that the float arithmetic gives.

#include "ScalarCode.h"
#include "lowbit/Analysis/AccumulatorBound.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FOLDTHRESHOLDSPASS
#include "lowbit/Conversion/Passes.h.inc"

namespace {

/// Constants that differ along one loop at most: element `index / block` at an index of that loop.
struct ChannelConstant {
  std::vector<float> reals;
  std::optional<unsigned> loop;
  int64_t block = 1;

  float get(int64_t index) const { return reals.size() == 1 ? reals[0] : reals[index / block]; }
};

/// What `map` reads of the constant `value`; `block` says how many indices of each axis share an element, where they do.
std::optional<ChannelConstant> readConstant(Operation *op, Value value, AffineMap map, SchemeAttr scheme) {
  ElementsAttr elements = getConstantElements(value);
  if (!elements || !isa<FloatType>(elements.getElementType()))
    return std::nullopt;
  ChannelConstant constant;
  FailureOr<std::vector<float>> reals = readReals(op, elements);
  if (failed(reals))
    return std::nullopt;
  constant.reals = std::move(*reals);
  for (auto [axis, size] : llvm::enumerate(cast<RankedTensorType>(value.getType()).getShape())) {
    if (size == 1)
      continue;
    auto loop = dyn_cast<AffineDimExpr>(map.getResult(axis));
    if (!loop || constant.loop)
      return std::nullopt;
    constant.loop = loop.getPosition();
    if (scheme)
      constant.block = scheme.getBlock()[axis];
  }
  return constant;
}

/// What the epilogue of `op` yields, where that is a code of at most a byte.
IntegerType getCodeStorage(ContractOp op) {
  Type element = getElementTypeOrSelf(op.getType());
  if (auto code = dyn_cast<CodeType>(element))
    return cast<IntegerType>(code.getFormat().getStorageType());
  auto integer = dyn_cast<IntegerType>(element);
  return integer && integer.getWidth() <= 8 ? integer : IntegerType();
}

constexpr StringLiteral kTooMany = "there are too many codes to tell apart by comparisons";

/// A contraction whose codes depend on the sum and on the index of one loop.
class CodedSums {
public:
  explicit CodedSums(ContractOp op) : op(op) {}

  /// Why codes are left as they are; empty when they can be searched for.
  StringRef prepare() {
    storage = getCodeStorage(op);
    auto code = dyn_cast<CodeType>(getElementTypeOrSelf(op.getType()));
    format = code ? code.getFormat() : NumberFormatAttrInterface();
    if (!storage || !op.hasEpilogue() || !op.isInteger() || !op.getSumType().isF32())
      return "it makes no codes of sums of codes";
    width = format ? format.getWidth() : storage.getWidth();
    if (changesAlongReductions(op, ContractOperand::Lhs) || changesAlongReductions(op, ContractOperand::Rhs))
      return "scales change along the reduction";
    int64_t length = getDotLength(op);
    std::optional<IntegerInterval> interval =
        getDotInterval(getShiftedInterval(op.getLhsSchemeAttr().getFormat(), op.getLhsZeros()),
                       getShiftedInterval(op.getRhsSchemeAttr().getFormat(), op.getRhsZeros()), length);
    if (ShapedType::isDynamic(length) || !interval || !llvm::isInt<32>(interval->smallest - 1) || !llvm::isInt<32>(interval->largest + 1))
      return "sums may need more than 32 bits";
    sums = *interval;
    if (!readScales() || !readOperands())
      return "scales or operands of the epilogue are no constants of one axis";
    std::optional<unsigned> channel;
    for (const ChannelConstant &each : constants) {
      if (each.loop && channel && *each.loop != *channel)
        return "scales or operands of the epilogue differ along two axes";
      if (each.loop)
        channel = each.loop;
    }
    AffineMap result = op.getResultMap();
    if (result.getNumResults() == 0)
      return "the result has no axis";
    loop = channel.value_or(cast<AffineDimExpr>(result.getResults().back()).getPosition());
    numChannels = op.getLoopSizes()[loop];
    if (ShapedType::isDynamic(numChannels) || !result.isFunctionOfDim(loop))
      return "its axis of channels has a dynamic size";
    scalars = ScalarCode::create(op.getEpilogue().front());
    return scalars ? StringRef() : "an operation of its epilogue is not known";
  }

  /// The same, for the search itself. Integers without a format of their own are in order with their signs, or without.
  StringRef search(int64_t maxCodes, int64_t &tries) {
    most = maxCodes;
    StringRef why = searchInOrder(tries);
    if (why.empty() || format)
      return why;
    isUnsigned = true;
    steps.clear();
    codes.clear();
    return searchInOrder(tries).empty() ? StringRef() : why;
  }

  StringRef searchInOrder(int64_t &tries) {
    steps.resize(numChannels);
    for (int64_t c = 0; c < numChannels; ++c) {
      if (StringRef why = searchChannel(c, tries); !why.empty())
        return why;
      for (const Step &step : steps[c])
        if (!llvm::is_contained(codes, step.code))
          codes.push_back(step.code);
      if (static_cast<int64_t>(codes.size()) > most)
        return kTooMany;
    }
    llvm::sort(codes, [&](uint64_t x, uint64_t y) { return getRank(x) < getRank(y); });
    return {};
  }

  void rewrite(RewriterBase &rewriter) {
    rewriter.setInsertionPoint(op);
    Location loc = op.getLoc();
    SmallVector<Value> operands;
    bool anyFalls = false;
    std::vector<int32_t> flips(numChannels);
    for (int64_t c = 0; c < numChannels; ++c)
      anyFalls |= (flips[c] = falls(c) ? -1 : 0) != 0;
    if (anyFalls)
      operands.push_back(buildOperand(rewriter, flips));
    for (uint64_t code : ArrayRef(codes).drop_front()) {
      std::vector<int32_t> thresholds;
      for (int64_t c = 0; c < numChannels; ++c)
        thresholds.push_back(getThreshold(c, getRank(code)));
      operands.push_back(buildOperand(rewriter, thresholds));
    }
    SmallVector<AffineMap> maps = llvm::to_vector(op.getIndexingMaps().getAsValueRange<AffineMapAttr>());
    maps.resize(3);
    maps.append(operands.size(), AffineMap::get(op.getNumLoops(), 0, rewriter.getAffineDimExpr(loop)));
    auto built = ContractOp::create(rewriter, loc, op.getType(), op.getLhs(), Value(), op.getLhsZeros(), op.getRhs(), Value(),
                                    op.getRhsZeros(), op.getInit(), operands, rewriter.getAffineMapArrayAttr(maps),
                                    getScheme(op.getLhsSchemeAttr(), op.getLhsZeros()), getScheme(op.getRhsSchemeAttr(), op.getRhsZeros()));
    built->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    SmallVector<Type> types(operands.size() + 1, rewriter.getI32Type());
    Block *body = rewriter.createBlock(&built.getEpilogue(), {}, types, SmallVector<Location>(types.size(), loc));
    ArrayRef<BlockArgument> thresholds = body->getArguments().drop_front(anyFalls ? 2 : 1);
    Value sum = body->getArgument(0);
    if (anyFalls)
      sum = arith::XOrIOp::create(rewriter, loc, sum, body->getArgument(1));
    YieldOp::create(rewriter, loc, buildCode(rewriter, loc, sum, thresholds));
    rewriter.replaceOp(op, built.getResult());
  }

private:
  /// From `first` on, sums have `code`.
  struct Step {
    int64_t first;
    uint64_t code;
  };

  bool readScales() {
    struct Side {
      Value scales;
      AffineMap map;
      SchemeAttr scheme;
    };
    for (const Side &side :
         {Side{op.getLhsScales(), op.getLhsMap(), op.getLhsSchemeAttr()}, Side{op.getRhsScales(), op.getRhsMap(), op.getRhsSchemeAttr()}}) {
      if (!side.scales)
        continue;
      std::optional<ChannelConstant> constant =
          readConstant(op, side.scales, side.map, side.scheme.isPerTensor() ? SchemeAttr() : side.scheme);
      if (!constant)
        return false;
      constants.push_back(std::move(*constant));
    }
    numScales = constants.size();
    return true;
  }

  bool readOperands() {
    for (auto [index, operand] : llvm::enumerate(op.getEpilogueOperands())) {
      std::optional<ChannelConstant> constant = readConstant(op, operand, op.getMap(3 + index), {});
      if (!constant || !getElementTypeOrSelf(operand.getType()).isF32())
        return false;
      constants.push_back(std::move(*constant));
    }
    return true;
  }

  /// The code of `sum`, all values on the way to it being kept.
  uint64_t getCode(int64_t channel, int64_t sum) {
    float real = static_cast<float>(sum);
    for (unsigned i = 0; i < numScales; ++i)
      real *= constants[i].get(channel);
    Block &body = op.getEpilogue().front();
    scalars->set(body.getArgument(0), Scalar::get(real));
    return static_cast<uint64_t>(scalars->evaluate().integer) & llvm::maskTrailingOnes<uint64_t>(width);
  }

  /// What codes are ordered by: the reals they stand for.
  double getRank(uint64_t code) const {
    if (format)
      return format.decode(code);
    return isUnsigned ? static_cast<double>(code) : static_cast<double>(llvm::SignExtend64(code, width));
  }

  StringRef searchChannel(int64_t channel, int64_t &tries) {
    Block &body = op.getEpilogue().front();
    for (unsigned i = numScales; i < constants.size(); ++i)
      scalars->set(body.getArgument(1 + i - numScales), Scalar::get(constants[i].get(channel)));
    uint64_t first = getCode(channel, sums.smallest);
    bool isFinite = scalars->isFinite();
    std::vector<Scalar> low = scalars->getValues();
    uint64_t last = getCode(channel, sums.largest);
    isFinite &= scalars->isFinite();
    std::vector<Step> &found = steps[channel];
    found.push_back({sums.smallest, first});
    // f32(sum) times scales never falls, or never rises; so the epilogue's argument may stand for the sum.
    if (isFinite && scalars->getDirection(body.getArgument(0), low, scalars->getValues())) {
      bisect(channel, sums.smallest, first, sums.largest, last, found);
      if (static_cast<int64_t>(found.size()) > most)
        return kTooMany;
      return isMonotone(found) ? StringRef() : "its codes are not in the order of its sums";
    }
    if ((tries -= sums.largest - sums.smallest) < 0)
      return "that its codes never fall or never rise is not known, and there are too many sums to try";
    for (int64_t sum = sums.smallest; sum <= sums.largest; ++sum) {
      uint64_t code = getCode(channel, sum);
      if (!scalars->isFinite())
        return "a sum has no finite value";
      if (code != found.back().code)
        found.push_back({sum, code});
      if (found.size() > (size_t(1) << width))
        return "its codes rise and fall";
      if (static_cast<int64_t>(found.size()) > most && isMonotone(found))
        return kTooMany;
    }
    return isMonotone(found) ? StringRef() : "its codes rise and fall";
  }

  /// Appends the steps within (low, high], whose codes are known at both ends.
  void bisect(int64_t channel, int64_t low, uint64_t lowCode, int64_t high, uint64_t highCode, std::vector<Step> &found) {
    if (lowCode == highCode || static_cast<int64_t>(found.size()) > most)
      return;
    if (high - low == 1)
      return found.push_back({high, highCode});
    int64_t middle = low + (high - low) / 2;
    uint64_t code = getCode(channel, middle);
    bisect(channel, low, lowCode, middle, code, found);
    bisect(channel, middle, code, high, highCode, found);
  }

  bool isMonotone(ArrayRef<Step> found) const {
    auto less = [&](const Step &x, const Step &y) { return getRank(x.code) < getRank(y.code); };
    auto greater = [&](const Step &x, const Step &y) { return less(y, x); };
    return std::is_sorted(found.begin(), found.end(), less) || std::is_sorted(found.begin(), found.end(), greater);
  }

  bool falls(int64_t channel) const { return getRank(steps[channel].front().code) > getRank(steps[channel].back().code); }

  /// The first sum, or inverted sum where codes fall, whose code has at least `rank`.
  int32_t getThreshold(int64_t channel, double rank) const {
    ArrayRef<Step> found = steps[channel];
    if (!falls(channel)) {
      const Step *step = llvm::find_if(found, [&](const Step &each) { return getRank(each.code) >= rank; });
      return static_cast<int32_t>(step == found.end() ? sums.largest + 1 : step->first);
    }
    // Sums below `end` have such codes: -1 - sum >= -end.
    const Step *step = llvm::find_if(found, [&](const Step &each) { return getRank(each.code) < rank; });
    return static_cast<int32_t>(-(step == found.end() ? sums.largest + 1 : step->first));
  }

  Value buildOperand(OpBuilder &builder, ArrayRef<int32_t> integers) {
    auto type = RankedTensorType::get({numChannels}, builder.getI32Type());
    ArrayRef<char> bytes(reinterpret_cast<const char *>(integers.data()), integers.size() * sizeof(int32_t));
    auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
    std::string key = (site ? site.getValue() : StringRef("contract")).str() + ".thresholds";
    auto constant = arith::ConstantOp::create(builder, op.getLoc(), type, cast<TypedAttr>(buildElements(type, bytes, key)));
    constant->setAttr(kAddedAttr, builder.getUnitAttr());
    return constant;
  }

  Value buildCode(OpBuilder &builder, Location loc, Value sum, ArrayRef<BlockArgument> thresholds) {
    // Codes 1 and 0 are the comparison itself.
    if (codes.size() == 2 && codes[0] == 1 && codes[1] == 0) {
      Value isBelow = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, sum, thresholds[0]);
      return arith::ExtUIOp::create(builder, loc, storage, isBelow);
    }
    auto build = [&](uint64_t code) -> Value {
      return arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(storage, static_cast<int64_t>(code)));
    };
    Value result = build(codes.front());
    for (auto [threshold, code] : llvm::zip_equal(thresholds, ArrayRef(codes).drop_front())) {
      Value reaches = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, sum, threshold);
      result = arith::SelectOp::create(builder, loc, reaches, build(code), result);
    }
    return result;
  }

  /// Scales are gone; zero points stay, with the blocks that share them.
  static SchemeAttr getScheme(SchemeAttr scheme, Value zeros) {
    if (zeros)
      return scheme;
    return SchemeAttr::get(scheme.getContext(), scheme.getFormat(), DenseI64ArrayAttr(), scheme.getScale(), scheme.getZero(),
                           scheme.getScaling());
  }

  ContractOp op;
  NumberFormatAttrInterface format; ///< Of codes without a builtin type.
  IntegerType storage;              ///< Of a code in the epilogue.
  unsigned width = 0;               ///< Of a code.
  bool isUnsigned = false;
  int64_t most = 0; ///< Codes.
  IntegerInterval sums{0, 0};
  std::vector<ChannelConstant> constants; ///< Scales, in the order in which they multiply, then operands of the epilogue.
  unsigned numScales = 0, loop = 0;
  int64_t numChannels = 0;
  std::optional<ScalarCode> scalars;
  std::vector<std::vector<Step>> steps; ///< Of each channel.
  std::vector<uint64_t> codes;
};

struct FoldThresholdsPass final : impl::FoldThresholdsPassBase<FoldThresholdsPass> {
  using FoldThresholdsPassBase::FoldThresholdsPassBase;

  void runOnOperation() override {
    SmallVector<ContractOp> ops;
    getOperation()->walk([&](ContractOp op) {
      if (getCodeStorage(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (ContractOp op : ops) {
      CodedSums sums(op);
      StringRef why = sums.prepare();
      int64_t left = tries;
      if (why.empty())
        why = sums.search(codes, left);
      if (why.empty())
        sums.rewrite(rewriter);
      else
        refuse(op, why);
    }
  }

  static void refuse(ContractOp op, StringRef why) {
    remark::missed(op.getLoc(), getRemarkOptions("thresholds", op)) << remark::reason("{0}", why);
  }
};
} // namespace
} // namespace mlir::lowbit
