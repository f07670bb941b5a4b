//===- Npz.cpp - files of named arrays: a zip of .npy members -------------===//
// Law: an archive that claims more than its bytes can hold costs no memory; a name in it is never a path.

#include "lowbit/Arrays/Npy.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <zip.h>

namespace mlir::lowbit {
namespace {

struct CloseArchive {
  void operator()(zip_t *archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};
using ArchivePtr = std::unique_ptr<zip_t, CloseArchive>;
using MemberPtr = std::unique_ptr<zip_file_t, CloseMember>;

/// Deflate makes at most 1032 bytes of one.
constexpr uint64_t maxExpansion = 1040;

} // namespace

static llvm::Error annotate(const Twine &where, llvm::Error error) {
  return llvm::createStringError(where + ": " + llvm::toString(std::move(error)));
}

/// Takes `error`'s text and frees it.
static std::string takeText(zip_error_t *error) {
  std::string text = zip_error_strerror(error);
  zip_error_fini(error);
  return text;
}

static std::string describe(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  return takeText(&error);
}

static llvm::Error readMember(zip_file_t *member, MutableArrayRef<char> bytes) {
  while (!bytes.empty()) {
    zip_int64_t count = zip_fread(member, bytes.data(), bytes.size());
    if (count <= 0)
      return llvm::createStringError(count < 0 ? zip_error_strerror(zip_file_get_error(member)) : "ends before its bytes do");
    bytes = bytes.drop_front(count);
  }
  return llvm::Error::success();
}

static llvm::Expected<Array> readMemberArray(zip_t *archive, uint64_t index, const zip_stat_t &stat,
                                             Array::Place place = Array::Place::Heap) {
  if (!(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_SIZE) || stat.size / maxExpansion > stat.comp_size)
    return llvm::createStringError("claims to expand to more bytes than its compressed form can hold");
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE)
    return llvm::createStringError("is encrypted");
  MemberPtr member(zip_fopen_index(archive, index, 0));
  if (!member)
    return llvm::createStringError(zip_strerror(archive));
  llvm::Expected<Array> array = readNpy([&](MutableArrayRef<char> bytes) { return readMember(member.get(), bytes); }, stat.size, place);
  if (!array)
    return array;
  // One more read reaches the end, where the checksum is compared.
  char extra;
  if (zip_fread(member.get(), &extra, 1) != 0)
    return llvm::createStringError(StringRef("is damaged: ") + zip_error_strerror(zip_file_get_error(member.get())));
  return array;
}

static llvm::Expected<std::vector<NamedArray>> readArchive(const llvm::MemoryBuffer &file) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(file.getBufferStart(), file.getBufferSize(), /*freep=*/0, &error);
  ArchivePtr archive(source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : nullptr);
  if (!archive) {
    if (source)
      zip_source_free(source);
    return llvm::createStringError("is not a whole .npz: " + takeText(&error));
  }
  zip_error_fini(&error);
  std::vector<NamedArray> arrays;
  llvm::StringSet<> names;
  for (zip_int64_t index = 0, count = zip_get_num_entries(archive.get(), 0); index < count; ++index) {
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), index, ZIP_FL_ENC_RAW, &stat) != 0 || !(stat.valid & ZIP_STAT_NAME))
      return llvm::createStringError("member " + std::to_string(index) + " has no name");
    StringRef name = stat.name;
    if (!name.consume_back(".npy") || name.empty())
      return llvm::createStringError("member `" + StringRef(stat.name) + "` is not an array; expected a name that ends in .npy");
    if (!names.insert(name).second)
      return llvm::createStringError("member `" + name + "` is there twice");
    llvm::Expected<Array> array = readMemberArray(archive.get(), index, stat);
    if (!array)
      return annotate("array `" + name + "`", array.takeError());
    arrays.push_back({name.str(), std::move(*array)});
  }
  return arrays;
}

llvm::Expected<std::vector<NamedArray>> readArrays(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return llvm::createStringError(path + ": " + file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  if (bytes.starts_with("PK")) {
    auto arrays = readArchive(**file);
    return arrays ? std::move(arrays) : annotate(path, arrays.takeError());
  }
  auto read = [&](MutableArrayRef<char> target) -> llvm::Error {
    std::memcpy(target.data(), bytes.data(), target.size()); // readNpy asks for no more than there is
    bytes = bytes.drop_front(target.size());
    return llvm::Error::success();
  };
  llvm::Expected<Array> array = readNpy(read, bytes.size());
  if (!array)
    return annotate(path, array.takeError());
  std::vector<NamedArray> arrays;
  arrays.push_back({"", std::move(*array)});
  return arrays;
}

/// Opens the file itself: members that nobody asks for stay on disk.
static llvm::Expected<ArchivePtr> openArchive(StringRef path) {
  int code = 0;
  ArchivePtr archive(zip_open(path.str().c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (archive)
    return archive;
  return llvm::createStringError(path + ": is not a whole .npz: " + describe(code));
}

llvm::Expected<bool> hasArray(StringRef path, StringRef name) {
  llvm::Expected<ArchivePtr> archive = openArchive(path);
  if (!archive)
    return archive.takeError();
  return zip_name_locate(archive->get(), (name + ".npy").str().c_str(), 0) >= 0;
}

llvm::Expected<Array> readArray(StringRef path, StringRef name) {
  llvm::Expected<ArchivePtr> archive = openArchive(path);
  if (!archive)
    return archive.takeError();
  zip_int64_t index = zip_name_locate(archive->get(), (name + ".npy").str().c_str(), 0);
  zip_stat_t stat;
  if (index < 0 || zip_stat_index(archive->get(), index, 0, &stat) != 0)
    return llvm::createStringError(path + ": has no array `" + name + "`");
  llvm::Expected<Array> array = readMemberArray(archive->get(), index, stat, Array::Place::Paged);
  return array ? std::move(array) : annotate(path + ": array `" + name + "`", array.takeError());
}

static StringRef getBytes(const Buffer &buffer) {
  return {static_cast<const char *>(buffer.data), countElements(buffer.shape).value_or(0) * buffer.type.bytes};
}

/// Adds one stored (not compressed) member whose bytes stay the caller's.
static bool addMember(zip_t *archive, StringRef name, const std::string &header, StringRef bytes) {
  zip_buffer_fragment_t fragments[2];
  fragments[0] = {reinterpret_cast<zip_uint8_t *>(const_cast<char *>(header.data())), header.size()};
  fragments[1] = {reinterpret_cast<zip_uint8_t *>(const_cast<char *>(bytes.data())), bytes.size()};
  zip_source_t *source = zip_source_buffer_fragment(archive, fragments, 2, /*freep=*/0);
  if (!source)
    return false;
  zip_int64_t index = zip_file_add(archive, (name + ".npy").str().c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return false;
  }
  // The time of writing is no part of the data.
  return zip_set_file_compression(archive, index, ZIP_CM_STORE, 0) == 0 && zip_file_set_dostime(archive, index, 0, (1 << 5) | 1, 0) == 0;
}

/// Writes `archive` to where it was opened, and ends it.
static llvm::Error writeArchive(zip_t *archive, ArrayRef<NamedBuffer> buffers) {
  std::vector<std::string> headers;
  headers.reserve(buffers.size());
  auto fail = [&](const Twine &where) {
    std::string text = zip_strerror(archive);
    zip_discard(archive);
    return llvm::createStringError(where + text);
  };
  for (const auto &[name, buffer] : buffers) {
    headers.push_back(formatNpyHeader(buffer.type, buffer.shape));
    if (!addMember(archive, name, headers.back(), getBytes(buffer)))
      return fail("array `" + name + "`: ");
  }
  return zip_close(archive) == 0 ? llvm::Error::success() : fail("");
}

/// The archive's bytes.
static llvm::Expected<std::string> formatArchive(ArrayRef<NamedBuffer> buffers) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_t *archive = source ? zip_open_from_source(source, ZIP_TRUNCATE, &error) : nullptr;
  if (!archive)
    return llvm::createStringError(takeText(&error));
  zip_source_keep(source);
  llvm::scope_exit release([&] { zip_source_free(source); });
  if (llvm::Error failure = writeArchive(archive, buffers))
    return std::move(failure);
  zip_stat_t stat;
  if (zip_source_stat(source, &stat) != 0 || zip_source_open(source) != 0)
    return llvm::createStringError(zip_error_strerror(zip_source_error(source)));
  std::string bytes(stat.size, '\0');
  zip_int64_t count = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (count != static_cast<zip_int64_t>(bytes.size()))
    return llvm::createStringError("archive of " + std::to_string(bytes.size()) + " bytes could not be read back");
  return bytes;
}

/// Archives of more bytes are written by libzip, beside `path` and then in its place, and are never in memory as a whole.
static constexpr uint64_t kLargeArchive = uint64_t(16) << 20;

llvm::Error writeArrays(StringRef path, ArrayRef<NamedBuffer> buffers) {
  if (path.ends_with(".npy")) {
    if (buffers.size() != 1)
      return llvm::createStringError(path + ": a .npy holds one array, but there are " + std::to_string(buffers.size()) + "; name a .npz");
    return llvm::writeToOutput(path, [&](raw_ostream &stream) {
      stream << formatNpyHeader(buffers[0].buffer.type, buffers[0].buffer.shape) << getBytes(buffers[0].buffer);
      return llvm::Error::success();
    });
  }
  uint64_t size = 0;
  for (const NamedBuffer &named : buffers)
    size += getBytes(named.buffer).size();
  bool isFile = path != "-" && (!llvm::sys::fs::exists(path) || llvm::sys::fs::is_regular_file(path));
  if (size > kLargeArchive && isFile) {
    int code = 0;
    zip_t *archive = zip_open(path.str().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (!archive)
      return llvm::createStringError(path + ": " + describe(code));
    llvm::Error error = writeArchive(archive, buffers);
    return error ? annotate(path, std::move(error)) : llvm::Error::success();
  }
  llvm::Expected<std::string> archive = formatArchive(buffers);
  if (!archive)
    return annotate(path, archive.takeError());
  return llvm::writeToOutput(path, [&](raw_ostream &stream) {
    stream << *archive;
    return llvm::Error::success();
  });
}

llvm::Error writeArrays(StringRef path, ArrayRef<NamedArray> arrays) {
  return writeArrays(path, llvm::map_to_vector(arrays, [](const NamedArray &named) {
                       const Array &array = named.array;
                       return NamedBuffer{
                           named.name, {array.getType(), SmallVector<int64_t, 4>(array.getShape()), const_cast<char *>(array.getData())}};
                     }));
}

} // namespace mlir::lowbit
