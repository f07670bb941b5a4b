//===- Npy.cpp - one array in numpy's .npy form ---------------------------===//
// Law: every number of a header is checked against the bytes that are there before it is used.
// The form is numpy's NEP 1: magic, version, length, a Python dict literal of three keys, the bytes.

#include "lowbit/Arrays/Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
namespace {

constexpr StringLiteral magic("\x93NUMPY");
/// Numpy itself stops at 10,000 bytes unless told to trust the file.
constexpr uint64_t maxHeaderBytes = 1 << 16;
constexpr size_t maxRank = 64;

struct Header {
  StorageType type;
  bool columnMajor = false;
  SmallVector<int64_t, 4> shape;
};

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (1, 128), }`, keys in any order.
class HeaderParser {
public:
  explicit HeaderParser(StringRef text) : rest(text) {}

  llvm::Expected<Header> parse() {
    if (!consume("{"))
      return fail("a dictionary");
    Header header;
    bool seen[3] = {};
    while (!consume("}")) {
      std::optional<StringRef> key = parseString();
      if (!key || !consume(":"))
        return fail("a key and a colon");
      int index = *key == "descr" ? 0 : *key == "fortran_order" ? 1 : *key == "shape" ? 2 : -1;
      if (index < 0 || seen[index])
        return llvm::createStringError("header key `" + *key + "` is unknown or there twice");
      seen[index] = true;
      llvm::Error error = index == 0 ? parseDescr(header) : index == 1 ? parseOrder(header) : parseShape(header);
      if (error)
        return error;
      if (!consume(",") && !rest.ltrim().starts_with("}"))
        return fail("`,` or `}`");
    }
    if (!rest.trim().empty() || !seen[0] || !seen[1] || !seen[2])
      return fail("`descr`, `fortran_order` and `shape`, and nothing else");
    return header;
  }

private:
  llvm::Error fail(const Twine &expected) { return llvm::createStringError("malformed header: expected " + expected); }

  bool consume(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  std::optional<StringRef> parseString() {
    rest = rest.ltrim();
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
      return std::nullopt;
    size_t end = rest.find(rest.front(), 1);
    if (end == StringRef::npos)
      return std::nullopt;
    StringRef text = rest.slice(1, end);
    rest = rest.drop_front(end + 1);
    return text;
  }

  llvm::Error parseDescr(Header &header) {
    std::optional<StringRef> descr = parseString();
    if (!descr)
      return llvm::createStringError("holds structured elements; expected one number an element");
    StringRef text = *descr;
    if (text.contains('O'))
      return llvm::createStringError("holds pickled Python objects, which are never loaded; expected numbers");
    if (text.consume_front(">"))
      return llvm::createStringError("is big-endian (`>" + text + "`); expected little-endian, as `array.astype('<" + text +
                                     "')` makes it");
    if (!text.consume_front("<") && !text.consume_front("|"))
      text.consume_front("=");
    unsigned bytes = 0;
    if (text.size() < 2 || text.drop_front().getAsInteger(10, bytes) || !isKnown(text.front(), bytes))
      return llvm::createStringError("has elements of type `" + *descr + "`, which no tensor holds");
    header.type = {text.front(), bytes};
    return llvm::Error::success();
  }

  static bool isKnown(char kind, unsigned bytes) {
    switch (kind) {
    case 'b':
      return bytes == 1;
    case 'i':
    case 'u':
      return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    case 'f':
      return bytes == 2 || bytes == 4 || bytes == 8;
    case 'V': // ml_dtypes: bfloat16, and 8-, 6- and 4-bit floats and integers
      return bytes == 1 || bytes == 2;
    default:
      return false;
    }
  }

  llvm::Error parseOrder(Header &header) {
    header.columnMajor = consume("True");
    if (!header.columnMajor && !consume("False"))
      return fail("`True` or `False`");
    return llvm::Error::success();
  }

  llvm::Error parseShape(Header &header) {
    if (!consume("("))
      return fail("a tuple of sizes");
    while (!consume(")")) {
      rest = rest.ltrim();
      uint64_t size = 0;
      if (rest.consumeInteger(10, size) || size > uint64_t(std::numeric_limits<int64_t>::max()))
        return fail("a size of 0 to 2^63 - 1");
      if (header.shape.size() == maxRank)
        return fail("at most " + Twine(maxRank) + " dimensions");
      header.shape.push_back(static_cast<int64_t>(size));
      if (!consume(",") && !rest.ltrim().starts_with(")"))
        return fail("`,` or `)`");
    }
    return llvm::Error::success();
  }

  StringRef rest;
};

} // namespace

/// The header, and how many bytes it took.
static llvm::Expected<std::pair<Header, uint64_t>> readHeader(llvm::function_ref<llvm::Error(MutableArrayRef<char>)> read,
                                                              uint64_t numBytes) {
  char start[12];
  if (numBytes < 10)
    return llvm::createStringError("is " + std::to_string(numBytes) + " bytes long; expected an array in .npy form");
  if (llvm::Error error = read(MutableArrayRef<char>(start, 10)))
    return error;
  if (!StringRef(start, 10).starts_with(magic))
    return llvm::createStringError("is not in .npy form: its first bytes are not numpy's");
  unsigned version = static_cast<unsigned char>(start[6]);
  if (version < 1 || version > 3)
    return llvm::createStringError("has .npy version " + std::to_string(version) + "; expected 1, 2 or 3");
  uint64_t prefix = version == 1 ? 10 : 12;
  if (numBytes < prefix)
    return llvm::createStringError("is truncated in its header");
  uint64_t length = llvm::support::endian::read16le(start + 8);
  if (version > 1) {
    if (llvm::Error error = read(MutableArrayRef<char>(start + 10, 2)))
      return error;
    length = llvm::support::endian::read32le(start + 8);
  }
  if (length > maxHeaderBytes || length > numBytes - prefix)
    return llvm::createStringError("has a header of " + std::to_string(length) + " bytes, but only " + std::to_string(numBytes - prefix) +
                                   " follow (at most " + std::to_string(maxHeaderBytes) + " are read)");
  std::string text(length, '\0');
  if (llvm::Error error = read(MutableArrayRef<char>(text.data(), length)))
    return error;
  llvm::Expected<Header> header = HeaderParser(text).parse();
  if (!header)
    return header.takeError();
  return std::pair(std::move(*header), prefix + length);
}

/// `source` in column-major order, as row-major.
static void transposeElements(const Array &source, Array &target) {
  ArrayRef<int64_t> shape = source.getShape();
  unsigned bytes = source.getType().bytes;
  SmallVector<int64_t, 4> index(shape.size(), 0), strides(shape.size(), 1);
  for (size_t axis = 1; axis < shape.size(); ++axis)
    strides[axis] = strides[axis - 1] * shape[axis - 1];
  int64_t offset = 0;
  for (uint64_t written = 0; written < target.getNumBytes(); written += bytes) {
    std::memcpy(target.getData() + written, source.getData() + offset * bytes, bytes);
    for (size_t axis = shape.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < shape[axis])
        break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

llvm::Expected<Array> readNpy(llvm::function_ref<llvm::Error(MutableArrayRef<char>)> read, uint64_t numBytes, Array::Place place) {
  auto header = readHeader(read, numBytes);
  if (!header)
    return header.takeError();
  auto &[description, headerBytes] = *header;
  uint64_t available = numBytes - headerBytes;
  std::optional<uint64_t> count = countElements(description.shape);
  if (!count || *count > available / description.type.bytes || *count * description.type.bytes != available)
    return llvm::createStringError("has shape [" + formatShape(description.shape) + "] of " + description.type.getName() + ", which " +
                                   std::to_string(available) + " bytes of data do not fill exactly");
  llvm::Expected<Array> array = Array::create(description.type, description.shape, place);
  if (!array)
    return array.takeError();
  if (llvm::Error error = read(MutableArrayRef<char>(array->getData(), array->getNumBytes())))
    return error;
  if (!description.columnMajor || description.shape.size() < 2)
    return array;
  llvm::Expected<Array> rowMajor = Array::create(description.type, description.shape, place);
  if (rowMajor)
    transposeElements(*array, *rowMajor);
  return rowMajor;
}

std::string formatNpyHeader(StorageType type, ArrayRef<int64_t> shape) {
  std::string text = "{'descr': '";
  text += type.bytes == 1 || type.kind == 'V' ? '|' : '<';
  text += type.kind + std::to_string(type.bytes) + "', 'fortran_order': False, 'shape': (" + formatShape(shape);
  text += shape.size() == 1 ? ",), }" : "), }";
  // Numpy aligns the bytes that follow to 64 and ends the header with a newline.
  uint64_t prefix = magic.size() + 4;
  text.append(llvm::alignTo(prefix + text.size() + 1, 64) - prefix - text.size() - 1, ' ');
  text += '\n';
  std::string header(magic);
  header += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

} // namespace mlir::lowbit
