//===- ChannelProducer.h - the weight that makes an activation's channels -===//
#ifndef LOWBIT_LIB_PTQ_CHANNELPRODUCER_H
#define LOWBIT_LIB_PTQ_CHANNELPRODUCER_H

#include "lowbit/PTQ/FloatLinear.h"

namespace mlir::lowbit {

/// A linear whose outputs are the channels of a value: what is between them is linear in the channels, one by one.
struct ChannelProducer {
  FloatLinear linear;
  /// The axis of its weight that is the channels.
  int64_t weightAxis;
  /// Constants that are added to the channels on the way; `[channels]`.
  SmallVector<OpOperand *> biases;
  /// Channels in runs of this many may be mixed by the producer as well as by the reader.
  int64_t run;
};

/// What makes the last axis of `value`, if nothing but `readers` reads it, and nothing else what is on the way.
std::optional<ChannelProducer> findChannelProducer(Value value, ArrayRef<FloatLinear> readers, ArrayRef<FloatLinear> linears);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_PTQ_CHANNELPRODUCER_H
