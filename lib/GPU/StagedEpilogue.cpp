//===- StagedEpilogue.cpp - results leave a warp in whole lines -----------===//

#include "StagedEpilogue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {

static constexpr int64_t warpRows = 16, lineBytes = 128, pieceBytes = 16, warpLanes = 32;

static int64_t getElementBytes(const MatmulKernel &kernel) { return kernel.results.front().getIntOrFloatBitWidth() / 8; }

/// From row to row. Lanes of a store are in eight rows, or four where it takes two steps: these are in different banks.
static int64_t getPitch(const MatmulKernel &kernel) { return lineBytes + (getElementBytes(kernel) == 4 ? 2 : 1) * pieceBytes; }

bool StagedEpilogue::isPossible(const MatmulKernel &kernel) {
  return kernel.results.size() == 1 && kernel.results.front().getIntOrFloatBitWidth() <= 32 &&
         kernel.columnAlignment * getElementBytes(kernel) % pieceBytes == 0;
}

int64_t StagedEpilogue::getBytes(const MatmulKernel &kernel) { return isPossible(kernel) ? warpRows * getPitch(kernel) : 0; }

StagedEpilogue::StagedEpilogue(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, Value memory, Value lane)
    : b(b), kernel(kernel), arguments(arguments), memory(memory), lane(lane) {}

void StagedEpilogue::emit(const WarpResult &result) {
  int64_t columns = result.sums.size() / Accumulator16x8::size * 8;
  if (!memory)
    return emitSums(result, 0, columns, nullptr);
  int64_t bytes = getElementBytes(kernel), pitch = getPitch(kernel);
  Value own = b.offset(memory, b.add(b.mul(Accumulator16x8::getRow(b, lane), pitch), b.mul(Accumulator16x8::getColumn(b, lane), bytes)));
  for (int64_t first = 0; first < columns; first += lineBytes / bytes) {
    int64_t count = std::min(columns - first, lineBytes / bytes);
    NVVM::SyncWarpOp::create(b, b.i32(-1)); // the line before has been read
    emitSums(result, first, count, [&](unsigned, TilePlace place, Value value) {
      auto vector = dyn_cast<VectorType>(value.getType());
      b.store(value, b.offset(own, place.row * pitch + place.column * bytes), (vector ? vector.getNumElements() : 1) * bytes);
    });
    NVVM::SyncWarpOp::create(b, b.i32(-1));
    copyOut(result, first, count);
  }
}

/// By 32 columns: what the epilogue reads for a column stays in registers for as long as they are worked on. Places are counted from
/// column `first` on.
void StagedEpilogue::emitSums(const WarpResult &result, int64_t first, int64_t columns, ResultWriter write) {
  constexpr int64_t part = 32;
  MatmulArguments own = arguments;
  own.rows = result.rows;
  Value row = b.add(result.row, Accumulator16x8::getRow(b, lane)), column = b.add(result.column, Accumulator16x8::getColumn(b, lane));
  for (int64_t begin = 0; begin < columns; begin += part) {
    AccumulatorTile tile{row, b.add(column, first + begin), {}, {}};
    for (int64_t i = 0, end = std::min(part, columns - begin) / 8 * Accumulator16x8::size; i < end; ++i) {
      tile.places.push_back(Accumulator16x8::getPlace(i));
      tile.sums.push_back(result.sums[(first + begin) / 8 * Accumulator16x8::size + i]);
    }
    auto shifted = [&](unsigned number, TilePlace place, Value value) { write(number, {place.row, place.column + begin}, value); };
    emitEpilogue(b, kernel, own, tile, write ? ResultWriter(shifted) : nullptr);
  }
}

void StagedEpilogue::copyOut(const WarpResult &result, int64_t first, int64_t columns) {
  int64_t bytes = getElementBytes(kernel), pitch = getPitch(kernel), pieces = columns * bytes / pieceBytes;
  int64_t rowsPerStep = std::min(warpLanes / pieces, warpRows);
  Value row = b.div(lane, pieces), piece = b.rem(lane, pieces);
  Value column = b.add(b.add(result.column, first), b.mul(piece, pieceBytes / bytes));
  Value isInside = b.lessThan(column, arguments.columns);
  Value source = b.offset(memory, b.add(b.mul(row, pitch), b.mul(piece, pieceBytes)));
  auto type = VectorType::get({pieceBytes / 4}, b.getI32Type());
  for (int64_t step = 0; step < warpRows; step += rowsPerStep) {
    Value stepRow = b.add(row, step), target = b.add(result.row, stepRow);
    Value takesPart = arith::AndIOp::create(b, isInside, b.lessThan(target, result.rows));
    // Lanes, or steps, that are left over where pieces are no power of two.
    if (warpLanes % pieces != 0 || warpRows % rowsPerStep != 0) {
      Value isRow = arith::AndIOp::create(b, b.lessThan(row, b.i32(rowsPerStep)), b.lessThan(stepRow, b.i32(warpRows)));
      takesPart = arith::AndIOp::create(b, takesPart, isRow);
    }
    b.when(takesPart, [&] {
      Value value = b.load(type, b.offset(source, step * pitch), pieceBytes);
      Value element = b.add(b.mul(b.widen(target), b.widen(arguments.columns)), b.widen(column));
      b.store(value, b.offset(arguments.results.front(), b.mul(element, bytes)), pieceBytes);
    });
  }
}

} // namespace mlir::lowbit
