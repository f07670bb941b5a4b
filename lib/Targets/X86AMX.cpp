//===- X86AMX.cpp - x86-64 with AMX for 8-bit codes -----------------------===//
// Law: tiles sum the products of 8-bit codes in i32 and nothing saturates.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace mlir::lowbit {

StringRef X86AMXTargetAttr::getName() const { return "x86-64-amx-int8"; }
StringRef X86AMXTargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AMXTargetAttr::getProcessor() const { return "icelake-server"; }
StringRef X86AMXTargetAttr::getFeatures() const { return "+amx-tile,+amx-int8"; }
StringRef X86AMXTargetAttr::getHostFeatures() const {
  return "amx-tile,amx-int8,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni,avx512ifma,avx512vbmi,avx512vbmi2,avx512bitalg,"
         "avx512vpopcntdq,gfni,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe";
}
int X86AMXTargetAttr::getPreference() const { return -1; } // a process has to ask its kernel for tiles first
std::string X86AMXTargetAttr::prepareHost() const {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr int requestPermission = 0x1023, tileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  if (syscall(SYS_arch_prctl, requestPermission, tileData) != 0)
    return "needs tiles, which the kernel does not grant this process";
#endif
  return "";
}
unsigned X86AMXTargetAttr::getVectorBits() const { return 512; }
unsigned X86AMXTargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> X86AMXTargetAttr::getCacheBytes() const { return {48 << 10, 2 << 20}; }
DotProduct X86AMXTargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Opposite, /*depth=*/4, /*lanes=*/16, /*temporaries=*/1};
}
std::optional<TileProduct> X86AMXTargetAttr::getTileProduct() const { return TileProduct{/*rows=*/16, /*columns=*/16, /*depth=*/64}; }

namespace {

constexpr int64_t tileRows = 16, tileColumns = 16, tileDepth = 64, group = 4;
/// Steps along the reduction between a load and a store of the sums.
constexpr int64_t stepsPerChunk = 16;

/// A buffer whose last axes are walked by tiles, all others of size one.
struct Walked {
  Value buffer;
  MemRefType type;
  SmallVector<int64_t> strides;

  LogicalResult init(Value value) {
    buffer = value;
    type = cast<MemRefType>(value.getType());
    int64_t offset;
    return type.getStridesAndOffset(strides, offset);
  }
  bool isStatic(int64_t axis) const { return !ShapedType::isDynamic(strides[axis]) && !type.isDynamicDim(axis); }
};

/// One product of tiles of a matmul of panels: sums[m, n] += sum lhs[m, k] * rhs[k / 4, n, k % 4].
class TiledPanels {
public:
  explicit TiledPanels(Location loc) : loc(loc) {}
  /// Reads the shapes; failure says what does not fit in `reason`.
  LogicalResult init(linalg::GenericOp op, StringRef &reason);
  void build(OpBuilder &builder);

private:
  Value getIndex(int64_t value) { return arith::ConstantIndexOp::create(*builder, loc, value); }
  /// Indices with `parts` at their axes and zero elsewhere.
  SmallVector<Value> getIndices(const Walked &walked, ArrayRef<std::pair<int64_t, Value>> parts) {
    SmallVector<Value> indices(walked.type.getRank(), getIndex(0));
    for (auto [axis, index] : parts)
      indices[axis] = index;
    return indices;
  }
  Value load(const Walked &walked, ArrayRef<std::pair<int64_t, Value>> parts, int64_t stride, int64_t wide) {
    auto type = amx::TileType::get({tileRows, wide}, walked.type.getElementType());
    return amx::TileLoadOp::create(*builder, loc, type, walked.buffer, getIndices(walked, parts), getIndex(stride));
  }
  void buildChunk(Value groups, int64_t depth);

  OpBuilder *builder = nullptr;
  Location loc;
  Walked lhs, rhs, sums;
  int64_t rows, columns, depth;                ///< Sizes, the depth in codes.
  int64_t lhsRow, rhsGroup, sumRow, sumColumn; ///< Axes.
  bool lhsSigned, rhsSigned;
};

} // namespace

LogicalResult TiledPanels::init(linalg::GenericOp op, StringRef &reason) {
  reason = "operands are not three buffers";
  if (!op.hasPureBufferSemantics() || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || failed(lhs.init(op.getDpsInputs()[0])) ||
      failed(rhs.init(op.getDpsInputs()[1])) || failed(sums.init(op.getDpsInits()[0])))
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned groupLoop = op.getNumLoops() - 2;
  reason = "axes are not those of panels";
  int64_t lhsRank = lhs.type.getRank(), rhsRank = rhs.type.getRank();
  if (lhsRank < 3 || rhsRank < 3 || maps[0].getDimPosition(lhsRank - 2) != groupLoop || maps[1].getDimPosition(rhsRank - 3) != groupLoop)
    return failure();
  lhsRow = lhsRank - 3;
  rhsGroup = rhsRank - 3;
  std::optional<unsigned> row = maps[2].getResultPosition(maps[0].getResult(lhsRow)),
                          column = maps[2].getResultPosition(maps[1].getResult(rhsRank - 2));
  if (!row || !column)
    return failure();
  sumRow = *row;
  sumColumn = *column;
  reason = "strides are not known, or elements not next to one another";
  if (!lhs.isStatic(lhsRow) || !rhs.isStatic(rhsGroup) || !sums.isStatic(sumRow) || lhs.strides.back() != 1 ||
      lhs.strides[lhsRank - 2] != group || rhs.strides.back() != 1 || rhs.strides[rhsRank - 2] != group || sums.strides[sumColumn] != 1)
    return failure();
  rows = lhs.type.getDimSize(lhsRow);
  columns = rhs.type.getDimSize(rhsRank - 2);
  depth = rhs.type.getDimSize(rhsGroup) * group;
  for (auto [value, isSigned] : {std::pair(op.getRegionInputArgs()[0], &lhsSigned), std::pair(op.getRegionInputArgs()[1], &rhsSigned)})
    *isSigned = llvm::any_of(value.getUsers(), llvm::IsaPred<arith::ExtSIOp>);
  reason = "sizes are not whole tiles";
  return success(rows % tileRows == 0 && columns % tileColumns == 0 && depth % tileDepth == 0 && rhs.type.getDimSize(rhsRank - 1) == group);
}

/// Adds the products of `depth` codes, from `groups` on, to all sums.
void TiledPanels::buildChunk(Value groups, int64_t depth) {
  SmallVector<Value> atRows, atColumns;
  for (int64_t row = 0; row < rows; row += tileRows)
    atRows.push_back(getIndex(row));
  for (int64_t column = 0; column < columns; column += tileColumns)
    atColumns.push_back(getIndex(column));
  SmallVector<Value> tiles;
  for (Value row : atRows)
    for (Value column : atColumns)
      tiles.push_back(load(sums, {{sumRow, row}, {sumColumn, column}}, sums.strides[sumRow], tileColumns));
  for (int64_t done = 0; done < depth; done += tileDepth) {
    Value first = arith::AddIOp::create(*builder, loc, groups, getIndex(done / group));
    SmallVector<Value> right;
    for (Value column : atColumns)
      right.push_back(load(rhs, {{rhsGroup, first}, {rhsGroup + 1, column}}, rhs.strides[rhsGroup], tileColumns * group));
    for (auto [i, row] : llvm::enumerate(atRows)) {
      Value left = load(lhs, {{lhsRow, row}, {lhsRow + 1, first}}, lhs.strides[lhsRow], tileDepth);
      for (auto [j, b] : llvm::enumerate(right)) {
        Value &tile = tiles[i * right.size() + j];
        tile = amx::TileMulIOp::create(*builder, loc, tile.getType(), left, b, tile, !lhsSigned, !rhsSigned);
      }
    }
  }
  for (auto [i, tile] : llvm::enumerate(tiles)) {
    Value row = atRows[i / atColumns.size()], column = atColumns[i % atColumns.size()];
    amx::TileStoreOp::create(*builder, loc, sums.buffer, getIndices(sums, {{sumRow, row}, {sumColumn, column}}), tile,
                             getIndex(sums.strides[sumRow]));
  }
}

void TiledPanels::build(OpBuilder &b) {
  builder = &b;
  constexpr int64_t chunk = stepsPerChunk * tileDepth;
  int64_t inLoop = depth / chunk * chunk;
  if (inLoop > 0) {
    auto loop = scf::ForOp::create(b, loc, getIndex(0), getIndex(inLoop / group), getIndex(chunk / group));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    buildChunk(loop.getInductionVar(), chunk);
  }
  if (depth > inLoop)
    buildChunk(getIndex(inLoop / group), depth - inLoop);
}

namespace {
struct MultiplyTiles final : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const override {
    StringRef reason = "not a product of tiles";
    TiledPanels panels(op.getLoc());
    if (!op->hasAttr(tileProductAttrName) || failed(panels.init(op, reason)))
      return rewriter.notifyMatchFailure(op, [&](Diagnostic &diagnostic) { diagnostic << reason; });
    panels.build(rewriter);
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void X86AMXTargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateDotIntrinsicPatterns(patterns, getDotProduct(), {"", "", "llvm.x86.avx512.vpdpbusd.512"});
  patterns.add<MultiplyTiles>(getContext());
}

} // namespace mlir::lowbit
