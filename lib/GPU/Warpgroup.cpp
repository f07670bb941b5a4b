//===- Warpgroup.cpp - products by wgmma, tiles by bulk tensor copies -----===//
//
// A persistent block of warpgroups with roles. One thread of the last warpgroup, the producer, copies tiles of both sides to a ring of
// buffers by tensor maps; the other warpgroups, the consumers, multiply 64 rows each (or more) and write their part of the result. The
// producer does not wait for that: it runs ahead into the next tile as far as the ring reaches. Consumers share nothing but the ring, so
// one may still multiply while another one writes.
//
// Tensor maps fill what lies outside of the sides with zeros: tails are products with zero, masked where results are stored.
//
//===----------------------------------------------------------------------===//

#include "BufferRing.h"
#include "Schedules.h"
#include "TensorMaps.h"
#include "TileOrder.h"
#include "WarpgroupMma.h"
#include "lowbit/GPU/Epilogue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {
namespace {

/// Numbers of a plan.
struct Tile {
  int64_t columns;      ///< Of the tile and the instruction.
  int64_t rowsPerGroup; ///< Of a consumer: a multiple of 64.
  int64_t consumers;    ///< Warpgroups.
  unsigned stages;      ///< Buffers of the ring.
  unsigned blocks = 1;  ///< In a cluster, one below the other: each copies a part of rhs for all.

  int64_t getRows() const { return rowsPerGroup * consumers; }
  int64_t getThreads() const { return (consumers + 1) * WarpgroupMma::threads; }
  int64_t getLhsBytes() const { return getRows() * WarpgroupMma::rowBytes; }
  int64_t getRhsBytes() const { return columns * WarpgroupMma::rowBytes; }
  int64_t getStageBytes() const { return getLhsBytes() + getRhsBytes(); }
  BufferRing getRing(Value memory) const {
    return {stages, getStageBytes(), static_cast<unsigned>(consumers * WarpgroupMma::warps), blocks, memory};
  }
};

constexpr Tile tiles[] = {{256, 64, 2, 4, 2}, {128, 64, 2, 6}, {128, 64, 1, 8}, {64, 64, 1, 12}, {32, 64, 1, 16}};

/// Rows of tiles in a band of the tile order, of a cluster.
constexpr int64_t bandTiles = 4;

/// Registers of a lane: copying takes few, and those that it gives back are the consumers'.
constexpr unsigned producerRegisters = 40, consumerRegisters = 232;

/// Writes one kernel.
class Emitter {
public:
  Emitter(KernelBuilder &b, const MatmulKernel &kernel, const Tile &tile, gpu::GPUFuncOp function)
      : b(b), kernel(kernel), tile(tile), arguments(MatmulArguments::get(function.getArguments(), kernel)),
        lhsMap(function.getArguments().take_back(2)[0]), rhsMap(function.getArguments().take_back(2)[1]),
        mma{kernel.lhs, kernel.rhs, tile.columns} {}

  void emit() {
    thread = b.threadId();
    lane = b.rem(thread, 32);
    Value memory = b.sharedMemory();
    ring = tile.getRing(memory);
    order.emplace(b, arguments.rows, arguments.columns, tile.getRows() * tile.blocks, tile.columns, bandTiles);
    b.when(isEqual(thread, 0), [&] { ring.initialize(b); });
    synchronize();
    Value block = b.blockId(), blocks = b.toI32(gpu::GridDimOp::create(b, gpu::Dimension::x));
    rank = b.rem(block, tile.blocks);
    firstTile = b.div(block, tile.blocks);
    strideTiles = b.div(blocks, tile.blocks);
    // How many tiles follow the first one of this block.
    Value left = b.sub(b.add(order->getCount(), b.sub(strideTiles, b.i32(1))), firstTile);
    numTiles = arith::DivUIOp::create(b, left, strideTiles);
    numSteps = b.div(b.add(arguments.depth, WarpgroupMma::rowBytes - 1), WarpgroupMma::rowBytes);
    // The same in all lanes of a warp, which the assembler would not know.
    group = NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.div(thread, WarpgroupMma::threads), b.i32(0), b.i32(31),
                                 NVVM::ShflKind::idx, UnitAttr());
    auto roles = scf::IfOp::create(b, isEqual(group, tile.consumers), /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&roles.getThenRegion().front());
      produce();
      b.setInsertionPointToStart(&roles.getElseRegion().front());
      consume();
    }
    // Nobody leaves while others of the cluster may still write to its memory.
    if (tile.blocks > 1)
      synchronize();
  }

private:
  Value isEqual(Value value, int64_t constant) { return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value, b.i32(constant)); }

  /// All threads of the block, or of the cluster.
  void synchronize() {
    if (tile.blocks == 1) {
      gpu::BarrierOp::create(b);
      return;
    }
    NVVM::ClusterArriveOp::create(b, UnitAttr());
    NVVM::ClusterWaitOp::create(b, UnitAttr());
  }

  /// First row and column of the block's `index`th tile.
  std::pair<Value, Value> getOrigin(Value index) {
    auto [row, column] = order->getOrigin(b, b.add(firstTile, b.mul(index, strideTiles)));
    return {b.add(row, b.mul(rank, tile.getRows())), column};
  }

  void produce() {
    NVVM::SetMaxRegisterOp::create(b, producerRegisters, NVVM::SetMaxRegisterAction::decrease);
    b.when(isEqual(thread, tile.consumers * WarpgroupMma::threads), [&] {
      RingPlace start = ring.getWriterStart(b);
      b.loop(b.i32(0), numTiles, 1, {start.stage, start.parity}, [&](Value index, ValueRange places) {
        auto [row, column] = getOrigin(index);
        return b.loop(b.i32(0), numSteps, 1, places, [&, row = row, column = column](Value step, ValueRange carried) {
          RingPlace place{carried[0], carried[1]};
          ring.waitUntilEmpty(b, place);
          ring.expect(b, place.stage);
          Value depth = b.mul(step, WarpgroupMma::rowBytes), full = ring.getFullBarrier(b, place.stage);
          Value buffer = ring.getBuffer(b, place.stage);
          copyBox(b, lhsMap, buffer, full, row, depth);
          // Each block of the cluster brings its share of rhs to all.
          int64_t share = tile.columns / tile.blocks;
          Value target = b.offset(buffer, b.add(b.mul(rank, share * WarpgroupMma::rowBytes), tile.getLhsBytes()));
          copyBox(b, rhsMap, target, full, b.add(column, b.mul(rank, share)), depth, tile.blocks);
          RingPlace next = ring.advance(b, place);
          return SmallVector<Value>{next.stage, next.parity};
        });
      });
    });
  }

  int64_t numParts() const { return tile.rowsPerGroup / WarpgroupMma::rows; }

  /// Starts the products of one stage.
  SmallVector<Value> multiply(Value stage, ValueRange sums, bool accumulate) {
    Value offset = b.widen(b.mul(stage, WarpgroupMma::getStep(tile.getStageBytes())));
    Value lhs = b.add(lhsDescriptor, offset), rhs = b.add(rhsDescriptor, offset);
    NVVM::WgmmaFenceAlignedOp::create(b);
    SmallVector<Value> results;
    for (int64_t part = 0; part < numParts(); ++part) {
      int64_t distance = part * WarpgroupMma::rows * WarpgroupMma::rowBytes;
      results.push_back(mma.emitRow(b, b.add(lhs, WarpgroupMma::getStep(distance)), rhs, sums[part], accumulate));
    }
    NVVM::WgmmaGroupSyncAlignedOp::create(b);
    return results;
  }

  void consume() {
    NVVM::SetMaxRegisterOp::create(b, consumerRegisters, NVVM::SetMaxRegisterAction::increase);
    Value address = b.toI32(LLVM::PtrToIntOp::create(b, b.getI32Type(), ring.memory));
    Value rows = b.mul(group, tile.rowsPerGroup);
    lhsDescriptor = WarpgroupMma::getDescriptor(b, b.add(address, b.mul(rows, WarpgroupMma::rowBytes)));
    rhsDescriptor = WarpgroupMma::getDescriptor(b, b.add(address, tile.getLhsBytes()));
    RingPlace start = ring.getReaderStart(b);
    b.loop(b.i32(0), numTiles, 1, {start.stage, start.parity}, [&](Value index, ValueRange places) {
      RingPlace place{places[0], places[1]};
      SmallVector<Value> sums = multiplyTile(place);
      auto [row, column] = getOrigin(index);
      writeTile(b.add(row, rows), column, sums);
      return SmallVector<Value>{place.stage, place.parity};
    });
  }

  /// The sums of a tile; `place` becomes that of the next one. One group of products is under way while the next is started, so a stage is
  /// given back one step later.
  SmallVector<Value> multiplyTile(RingPlace &place) {
    Value undefined = LLVM::UndefOp::create(b, mma.getSumsType(b.getContext()));
    ring.waitUntilFull(b, place);
    SmallVector<Value> carried = multiply(place.stage, SmallVector<Value>(numParts(), undefined), /*accumulate=*/false);
    RingPlace second = ring.advance(b, place);
    carried.append({place.stage, second.stage, second.parity});
    carried = b.loop(b.i32(1), numSteps, 1, carried, [&](Value, ValueRange values) {
      RingPlace now{values[values.size() - 2], values.back()};
      ring.waitUntilFull(b, now);
      SmallVector<Value> next = multiply(now.stage, values.take_front(numParts()), /*accumulate=*/true);
      NVVM::WgmmaWaitGroupSyncOp::create(b, 1);
      ring.release(b, values[numParts()], lane);
      RingPlace after = ring.advance(b, now);
      next.append({now.stage, after.stage, after.parity});
      return next;
    });
    NVVM::WgmmaWaitGroupSyncOp::create(b, 0);
    ring.release(b, carried[numParts()], lane);
    place = {carried[numParts() + 1], carried[numParts() + 2]};
    carried.resize(numParts());
    return carried;
  }

  /// The consumer's part of the result, whose first element is at `row` and `column`. By 32 columns: what the epilogue reads for a column
  /// stays in registers for as long as they are worked on.
  void writeTile(Value row, Value column, ArrayRef<Value> sums) {
    constexpr int64_t chunk = 32;
    Value warpRow = b.mul(b.div(b.rem(thread, WarpgroupMma::threads), 32), 16);
    Value laneRow = b.add(b.add(row, warpRow), Accumulator16x8::getRow(b, lane));
    Value laneColumn = b.add(column, Accumulator16x8::getColumn(b, lane));
    for (auto [part, struct_] : llvm::enumerate(sums)) {
      for (int64_t first = 0; first < tile.columns; first += chunk) {
        AccumulatorTile result{b.add(laneRow, part * WarpgroupMma::rows), b.add(laneColumn, first), {}, {}};
        for (int64_t i = 0; i < chunk / 8 * Accumulator16x8::size; ++i) {
          result.places.push_back(Accumulator16x8::getPlace(i));
          result.sums.push_back(LLVM::ExtractValueOp::create(b, struct_, first / 8 * Accumulator16x8::size + i));
        }
        emitEpilogue(b, kernel, arguments, result);
      }
    }
  }

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const Tile &tile;
  MatmulArguments arguments;
  Value lhsMap, rhsMap;
  WarpgroupMma mma;
  BufferRing ring;
  std::optional<TileOrder> order;
  Value thread, lane, group, rank, firstTile, strideTiles, numTiles, numSteps, lhsDescriptor, rhsDescriptor;
};

class WarpgroupPlan final : public MatmulPlan {
public:
  WarpgroupPlan(const MatmulKernel &kernel, const GPUArchitecture &architecture, const Tile &tile)
      : kernel(kernel), architecture(architecture), tile(tile) {}

  std::string getName() const override {
    std::string name = llvm::formatv("wgmma_{0}x{1}x{2}x{3}", tile.getRows(), tile.columns, WarpgroupMma::rowBytes, tile.stages);
    return tile.blocks == 1 ? name : name + "_cluster" + std::to_string(tile.blocks);
  }
  unsigned getThreads() const override { return tile.getThreads(); }
  unsigned getSharedBytes() const override { return tile.getRing(Value()).getBytes(); }

  double estimate() const override {
    // Cycles of a step, by what limits it: products, tiles from the L2 to all multiprocessors, the way there.
    constexpr double productsPerCycle = 4096, cacheBytesPerCycle = 40, latency = 1000, cyclesPerMicrosecond = 1700, start = 2500;
    int64_t rows = kernel.rows ? kernel.rows : 1024, columns = kernel.columns ? kernel.columns : 1024;
    int64_t depth = kernel.depth ? kernel.depth : 1024;
    double numTiles = llvm::divideCeil(rows, tile.getRows() * tile.blocks) * tile.blocks * llvm::divideCeil(columns, tile.columns);
    double perBlock = std::ceil(numTiles / architecture.multiprocessors);
    double products = tile.getRows() * tile.columns * WarpgroupMma::rowBytes / productsPerCycle;
    double copies = (tile.getLhsBytes() + tile.getRhsBytes() / tile.blocks) / cacheBytesPerCycle;
    double step = std::max({products, copies, latency / tile.stages});
    double steps = llvm::divideCeil(depth, WarpgroupMma::rowBytes);
    return (start + perBlock * (steps * step + tile.getRows() * tile.columns / 16.)) / cyclesPerMicrosecond;
  }

  SmallVector<std::pair<Type, DictionaryAttr>> getExtraArguments(MLIRContext *context) const override {
    return {TensorMap::getArgument(context), TensorMap::getArgument(context)};
  }

  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const override {
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
    if (tile.blocks > 1)
      function->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(), b.getDenseI32ArrayAttr({static_cast<int32_t>(tile.blocks), 1, 1}));
    Emitter(b, kernel, tile, function).emit();
  }

  Launch buildLaunch(OpBuilder &builder, Location loc, const MatmulArguments &arguments) const override {
    KernelBuilder b(loc, builder);
    b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
    Value rowTiles = b.div(b.add(arguments.rows, tile.getRows() * tile.blocks - 1), tile.getRows() * tile.blocks);
    Value columnTiles = b.div(b.add(arguments.columns, tile.columns - 1), tile.columns);
    Value clusters = b.min(b.mul(rowTiles, columnTiles), b.i32(architecture.multiprocessors / tile.blocks));
    Value one = arith::ConstantIndexOp::create(b, 1);
    TensorMap lhs{arguments.lhs, arguments.rows, arguments.depth, arguments.lhsPitch, tile.getRows(), WarpgroupMma::rowBytes};
    TensorMap rhs{arguments.rhs,      arguments.columns,          arguments.depth,
                  arguments.rhsPitch, tile.columns / tile.blocks, WarpgroupMma::rowBytes};
    return {arith::IndexCastOp::create(b, b.getIndexType(), b.mul(clusters, tile.blocks)), one, one, {lhs.build(b), rhs.build(b)}};
  }

private:
  const MatmulKernel &kernel;
  const GPUArchitecture &architecture;
  Tile tile;
};

class WarpgroupSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "wgmma"; }

  std::unique_ptr<MatmulPlan> plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, StringRef name,
                                   std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    if (!obstacle.empty())
      return nullptr;
    std::unique_ptr<MatmulPlan> best;
    for (const Tile &tile : tiles) {
      auto plan = std::make_unique<WarpgroupPlan>(kernel, architecture, tile);
      if (!name.empty() && plan->getName() != name)
        continue;
      if (!best || plan->estimate() < best->estimate())
        best = std::move(plan);
    }
    if (!best)
      obstacle = ("there is no plan `" + name + "`").str();
    return best;
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (!architecture.hasWarpgroupMma || !architecture.hasBulkCopy)
      return (architecture.chip + " has no wgmma").str();
    if (kernel.lhs.width != 8 || kernel.rhs.width != 8)
      return "sides are not both of bytes";
    if (kernel.depthAlignment < 16)
      return "rows do not begin at multiples of 16 bytes";
    return "";
  }
};

} // namespace

const MatmulSchedule &getWarpgroupSchedule() {
  static const WarpgroupSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
