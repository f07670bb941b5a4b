//===- CodebookFormat.cpp - tables of reals -------------------------------===//
//
// Invariant: a real lies above as many thresholds as its code says. The threshold between neighbours is their midpoint
// rounded to f32; a real that equals it goes to the even index.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace mlir::lowbit {

/// The 16 quantiles of QLoRA's appendix E.
static constexpr float kNF4[] = {-1.0f,
                                 -0.6961928009986877f,
                                 -0.5250730514526367f,
                                 -0.39491748809814453f,
                                 -0.28444138169288635f,
                                 -0.18477343022823334f,
                                 -0.09105003625154495f,
                                 0.0f,
                                 0.07958029955625534f,
                                 0.16093020141124725f,
                                 0.24611230194568634f,
                                 0.33791524171829224f,
                                 0.44070982933044434f,
                                 0.5626170039176941f,
                                 0.7229568362236023f,
                                 1.0f};

Attribute CodebookFormatAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parser.parseLess()))
    return {};
  StringRef name;
  SmallVector<float> levels;
  if (succeeded(parser.parseOptionalKeyword(&name))) {
    if (name != "nf4") {
      parser.emitError(loc, "unknown codebook `") << name << "`; expected `nf4` or a list of reals such as [-1.0, 0.0, 1.0]";
      return {};
    }
    levels.assign(std::begin(kNF4), std::end(kNF4));
  } else {
    auto parseLevel = [&]() -> ParseResult {
      double level;
      if (parser.parseFloat(level))
        return failure();
      levels.push_back(static_cast<float>(level));
      return success();
    };
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseLevel))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, context, StringAttr::get(context, name),
                    DenseF32ArrayAttr::get(context, levels));
}

void CodebookFormatAttr::print(AsmPrinter &printer) const {
  if (!getName().empty()) {
    printer << "<" << getName().getValue() << ">";
    return;
  }
  printer << "<[";
  llvm::interleaveComma(getLevels().asArrayRef(), printer, [&](float level) { printer.printFloat(APFloat(level)); });
  printer << "]>";
}

LogicalResult CodebookFormatAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringAttr, DenseF32ArrayAttr levels) {
  ArrayRef<float> table = levels.asArrayRef();
  if (table.size() < 2 || table.size() > 256)
    return emitError() << "codebook of " << table.size() << " levels; expected 2 to 256";
  for (auto [i, level] : llvm::enumerate(table)) {
    if (!std::isfinite(level))
      return emitError() << "codebook level " << i << " is not finite";
    if (i > 0 && !(table[i - 1] < level))
      return emitError() << "codebook level " << i << " is not above level " << i - 1 << "; expected strictly increasing levels";
  }
  return success();
}

unsigned CodebookFormatAttr::getWidth() const { return llvm::Log2_32_Ceil(getLevels().size()); }
Type CodebookFormatAttr::getCodeType() const { return CodeType::get(getContext(), *this); }
double CodebookFormatAttr::getSmallest() const { return getLevels().asArrayRef().front(); }
double CodebookFormatAttr::getLargest() const { return getLevels().asArrayRef().back(); }

static float getThreshold(ArrayRef<float> levels, size_t below) {
  return static_cast<float>((static_cast<double>(levels[below]) + levels[below + 1]) / 2);
}

uint64_t CodebookFormatAttr::encode(double value, int64_t) const {
  ArrayRef<float> levels = getLevels().asArrayRef();
  float real = static_cast<float>(value);
  uint64_t code = 0;
  for (size_t i = 0; i + 1 < levels.size(); ++i)
    code += i % 2 == 0 ? real > getThreshold(levels, i) : real >= getThreshold(levels, i);
  return code;
}

double CodebookFormatAttr::decode(uint64_t code) const {
  ArrayRef<float> levels = getLevels().asArrayRef();
  return levels[std::min<uint64_t>(code, levels.size() - 1)];
}

Value CodebookFormatAttr::buildEncode(OpBuilder &builder, Location loc, Value real, Value) const {
  ArrayRef<float> levels = getLevels().asArrayRef();
  Value code = buildIntegerLike(builder, loc, 0, 8, real);
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    auto predicate = i % 2 == 0 ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OGE;
    Value threshold = buildRealLike(builder, loc, getThreshold(levels, i), real);
    Value isAbove = arith::CmpFOp::create(builder, loc, predicate, real, threshold);
    code = arith::AddIOp::create(builder, loc, code, buildResize(builder, loc, isAbove, 8, /*isSigned=*/false));
  }
  return code;
}

Value CodebookFormatAttr::buildDecode(OpBuilder &builder, Location loc, Value code) const {
  ArrayRef<float> levels = getLevels().asArrayRef();
  Value real = buildRealLike(builder, loc, levels.back(), code);
  for (size_t i = levels.size() - 1; i-- > 0;) {
    Value index = buildIntegerLike(builder, loc, i, 8, code);
    Value isLevel = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, code, index);
    real = arith::SelectOp::create(builder, loc, isLevel, buildRealLike(builder, loc, levels[i], code), real);
  }
  return real;
}

} // namespace mlir::lowbit
