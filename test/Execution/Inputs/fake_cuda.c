/* A driver for tests, on the host: device memory is memory, two kernels are known by name (with `any_kernel` others too, which do nothing),
   streams run at once, recordings are lists of launches. Tensor maps have to be such as CUDA takes, and are kept. It counts what is alive,
   and fails when it is told to. `fake_set(name, value)` and the variable FAKE_CUDA (`name=value,…`) tell it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NoDevice = 100,
  InvalidImage = 200,
  NoBinary = 209,
  NotFound = 500,
  LaunchFailed = 719
};

/* What can be set, and what is counted. */
static struct {
  const char *name;
  long value;
} numbers[] = {
    {"version", 12040}, {"devices", 1},           {"architecture", 80},  {"free_bytes", 1 << 20}, {"fail_load", 0},
    {"fail_launch", 0}, {"fail_sync", 0},         {"memory_ordinal", 0}, {"fail_capture", 0},     {"allocations", 0},
    {"bytes", 0},       {"modules", 0},           {"graphs", 0},         {"executables", 0},      {"streams", 0},
    {"events", 0},      {"launches", 0},          {"replays", 0},        {"captures", 0},         {"loads", 0},
    {"uploads", 0},     {"calls_to_allocate", 0}, {"maps", 0},           {"early_launches", 0},   {"any_kernel", 0},
    {"waited_for", 0},  {"fail_map", 0},
};

static long *number(const char *name) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i)
    if (!strcmp(numbers[i].name, name))
      return &numbers[i].value;
  fprintf(stderr, "fake_cuda: no number `%s`\n", name);
  abort();
}

void fake_set(const char *name, long value) { *number(name) = value; }
long fake_get(const char *name) { return *number(name); }

__attribute__((constructor)) static void read_settings(void) {
  const char *text = getenv("FAKE_CUDA");
  char *copy = text ? strdup(text) : NULL;
  for (char *item = copy ? strtok(copy, ",") : NULL; item; item = strtok(NULL, ",")) {
    char *equal = strchr(item, '=');
    *equal = 0;
    fake_set(item, atol(equal + 1));
  }
  free(copy);
}

/* -- The driver ------------------------------------------------------------ */

static __thread void *current_context;
static char context;

int cuInit(unsigned flags) { return flags || *number("devices") ? Success : NoDevice; }
int cuDriverGetVersion(int *version) { return *version = (int)*number("version"), Success; }
int cuGetErrorName(int status, const char **text) {
  *text = status == OutOfMemory    ? "CUDA_ERROR_OUT_OF_MEMORY"
          : status == NoDevice     ? "CUDA_ERROR_NO_DEVICE"
          : status == InvalidImage ? "CUDA_ERROR_INVALID_IMAGE"
          : status == NoBinary     ? "CUDA_ERROR_NO_BINARY_FOR_GPU"
          : status == NotFound     ? "CUDA_ERROR_NOT_FOUND"
          : status == LaunchFailed ? "CUDA_ERROR_LAUNCH_FAILED"
                                   : "CUDA_ERROR_INVALID_VALUE";
  return Success;
}
int cuGetErrorString(int status, const char **text) { return (void)status, *text = "as the test asked for", Success; }
int cuDeviceGetCount(int *count) { return *count = (int)*number("devices"), Success; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, Success; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  (void)device;
  *value = attribute == 75                ? (int)*number("architecture") / 10
           : attribute == 76              ? (int)*number("architecture") % 10
           : *number("architecture") < 90 ? 166912
                                          : 232448;
  return Success;
}
int cuDeviceGetName(char *name, int length, int device) { return (void)device, snprintf(name, (size_t)length, "Fake GPU"), Success; }
int cuDevicePrimaryCtxRetain(void **result, int device) { return (void)device, *result = &context, Success; }
int cuCtxGetCurrent(void **result) { return *result = current_context, Success; }
int cuCtxSetCurrent(void *chosen) { return current_context = chosen, Success; }
int cuCtxGetDevice(int *device) { return *device = 0, Success; }

/* -- Memory ------------------------------------------------------------------ */

enum { Most = 64 };
static struct {
  char *data;
  size_t bytes;
} blocks[Most];

static int find(unsigned long long address) {
  for (int i = 0; i < Most; ++i)
    if (blocks[i].data && address >= (uintptr_t)blocks[i].data && address < (uintptr_t)blocks[i].data + blocks[i].bytes)
      return i;
  return -1;
}

int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
  ++*number("calls_to_allocate");
  if ((long)bytes > *number("free_bytes") - *number("bytes"))
    return OutOfMemory;
  for (int i = 0; i < Most; ++i)
    if (!blocks[i].data) {
      blocks[i].data = aligned_alloc(256, (bytes + 255) / 256 * 256);
      blocks[i].bytes = bytes;
      memset(blocks[i].data, 0xAA, bytes);
      ++*number("allocations");
      *number("bytes") += (long)bytes;
      return *address = (uintptr_t)blocks[i].data, Success;
    }
  return OutOfMemory;
}
int cuMemFree_v2(unsigned long long address) {
  int i = find(address);
  if (i < 0 || (uintptr_t)blocks[i].data != address)
    return InvalidValue;
  free(blocks[i].data);
  blocks[i].data = NULL;
  --*number("allocations");
  return *number("bytes") -= (long)blocks[i].bytes, Success;
}
int cuMemGetInfo_v2(size_t *left, size_t *total) {
  return *left = (size_t)(*number("free_bytes") - *number("bytes")), *total = (size_t)*number("free_bytes"), Success;
}
static int inside(unsigned long long address, size_t bytes) {
  int i = find(address);
  return i >= 0 && address + bytes <= (uintptr_t)blocks[i].data + blocks[i].bytes;
}
int cuMemcpyHtoDAsync_v2(unsigned long long target, const void *source, size_t bytes, void *stream) {
  ++*number("uploads");
  return (void)stream, inside(target, bytes) ? memcpy((void *)(uintptr_t)target, source, bytes), Success : InvalidValue;
}
int cuMemcpyDtoHAsync_v2(void *target, unsigned long long source, size_t bytes, void *stream) {
  return (void)stream, inside(source, bytes) ? memcpy(target, (void *)(uintptr_t)source, bytes), Success : InvalidValue;
}
int cuPointerGetAttribute(void *value, int attribute, unsigned long long address) {
  if (find(address) < 0)
    return InvalidValue;
  return *(int *)value = attribute == 2 ? 2 : (int)*number("memory_ordinal"), Success;
}

/* -- Kernels ------------------------------------------------------------------ */

/* `parameters` are those of the kernel, by value here. */
struct Launch {
  const char *kernel;
  unsigned grid;
  uint64_t words[4];
};

static void run(const struct Launch *launch) {
  ++*number("launches");
  if (strcmp(launch->kernel, "add") && strcmp(launch->kernel, "requantize"))
    return;
  const float *lhs = (float *)(uintptr_t)launch->words[0], *rhs = (float *)(uintptr_t)launch->words[1];
  uint32_t size = (uint32_t)launch->words[3];
  if (!strcmp(launch->kernel, "add"))
    for (uint32_t i = 0; i < size; ++i)
      ((float *)(uintptr_t)launch->words[2])[i] = lhs[i] + rhs[i];
  else
    for (uint32_t row = 0; row < launch->grid; ++row)
      for (uint32_t column = 0; column < size; ++column) {
        float scaled = lhs[row * size + column] * rhs[column];
        scaled = scaled < -128 ? -128 : scaled > 127 ? 127 : scaled;
        ((int8_t *)(uintptr_t)launch->words[2])[row * size + column] = (int8_t)__builtin_rintf(scaled);
      }
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
  int status = (int)*number("fail_load");
  for (unsigned i = 0; status && i < count; ++i)
    if (options[i] == 5)
      strcpy(values[i], "ptxas error   : as the test asked for");
  if (status)
    return status;
  if (memcmp(image,
             "\x7f"
             "ELF",
             4) &&
      memcmp(image, "//", 2))
    return InvalidImage;
  ++*number("modules");
  ++*number("loads");
  return *module = malloc(1), Success;
}
int cuModuleUnload(void *module) { return free(module), --*number("modules"), Success; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  (void)module;
  *function = !strcmp(name, "add") ? "add" : !strcmp(name, "requantize") ? "requantize" : *number("any_kernel") ? "another" : NULL;
  return *function ? Success : NotFound;
}
int cuFuncSetAttribute(void *function, int attribute, int value) { return (void)function, (void)attribute, (void)value, Success; }

struct Graph {
  struct Launch launches[16];
  int count;
};
static __thread struct Graph *recording;
static __thread void *recorded_stream;

int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream,
                   void **parameters, void **extra) {
  (void)y, (void)z, (void)bx, (void)by, (void)bz, (void)shared, (void)extra;
  if (*number("fail_launch"))
    return (int)*number("fail_launch");
  struct Launch launch = {function, x, {0}};
  for (int i = 0; i < 3 && strcmp(function, "another"); ++i)
    launch.words[i] = *(uint64_t *)parameters[i];
  if (strcmp(function, "another"))
    launch.words[3] = *(uint32_t *)parameters[3];
  if (recording && stream == recorded_stream)
    recording->launches[recording->count++] = launch;
  else
    run(&launch);
  return Success;
}
/* CUlaunchConfig. */
struct Attribute {
  int id, padding;
  union {
    int value;
    char bytes[64];
  };
};
struct Config {
  unsigned grid[3], block[3], shared;
  void *stream;
  struct Attribute *attributes;
  unsigned count;
};
/* Early launches alone: PROGRAMMATIC_STREAM_SERIALIZATION is 6. */
int cuLaunchKernelEx(const struct Config *c, void *function, void **parameters, void **extra) {
  if (c->count != 1 || c->attributes->id != 6 || c->attributes->value != 1)
    return InvalidValue;
  ++*number("early_launches");
  return cuLaunchKernel(function, c->grid[0], c->grid[1], c->grid[2], c->block[0], c->block[1], c->block[2], c->shared, c->stream,
                        parameters, extra);
}

/* -- Streams ------------------------------------------------------------------ */

int cuStreamCreate(void **stream, unsigned flags) { return (void)flags, *stream = malloc(1), ++*number("streams"), Success; }
int cuStreamDestroy_v2(void *stream) { return free(stream), --*number("streams"), Success; }
int cuStreamSynchronize(void *stream) {
  if (stream)
    *number("waited_for") = (long)(intptr_t)stream;
  return (int)*number("fail_sync");
}
int cuStreamIsCapturing(void *stream, int *status) { return *status = recording && stream == recorded_stream, Success; }
int cuStreamBeginCapture_v2(void *stream, int mode) {
  if (mode != 1 || recording || !stream)
    return InvalidValue;
  ++*number("captures");
  ++*number("graphs");
  return recording = calloc(1, sizeof *recording), recorded_stream = stream, Success;
}
int cuStreamEndCapture(void *stream, void **graph) {
  if (stream != recorded_stream)
    return InvalidValue;
  *graph = recording;
  return recording = NULL, recorded_stream = NULL, (int)*number("fail_capture");
}
int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) {
  (void)flags;
  ++*number("executables");
  return *executable = memcpy(malloc(sizeof(struct Graph)), graph, sizeof(struct Graph)), Success;
}
int cuGraphLaunch(void *executable, void *stream) {
  struct Graph *graph = executable;
  if (*number("fail_launch"))
    return (int)*number("fail_launch");
  ++*number("replays");
  for (int i = 0; i < graph->count; ++i)
    run(&graph->launches[i]);
  return (void)stream, Success;
}
int cuGraphDestroy(void *graph) { return free(graph), --*number("graphs"), Success; }
int cuGraphExecDestroy(void *executable) { return free(executable), --*number("executables"), Success; }
int cuEventCreate(void **event, unsigned flags) {
  (void)flags;
  return *event = malloc(1), ++*number("events"), Success;
}
int cuEventDestroy_v2(void *event) { return free(event), --*number("events"), Success; }
int cuEventRecord(void *event, void *stream) { return (void)event, (void)stream, Success; }
int cuEventSynchronize(void *event) { return (void)event, Success; }
int cuEventElapsedTime(float *milliseconds, void *start, void *stop) { return (void)start, (void)stop, *milliseconds = 0.5F, Success; }

/* -- Tensor maps -------------------------------------------------------------- */

struct Map {
  long type, rank, address, sizes[3], pitches[2], box[3], steps[3], interleave, swizzle, promotion, fill;
};
static struct Map maps[16];

/* The map number `i`, of the last ones. */
const struct Map *fake_map(int i) { return &maps[i % 16]; }

/* What the driver's manual asks for, of elements of one to four bytes in rows that are not interleaved. */
static int is_legal(const struct Map *map) {
  static const long bytes[] = {1, 2, 4, 4}, span[] = {256 * 4, 32, 64, 128};
  if (map->type < 0 || map->type > 3 || map->rank < 1 || map->rank > 3 || map->swizzle < 0 || map->swizzle > 3 || map->interleave)
    return 0;
  long width = map->box[0] * bytes[map->type];
  if (map->address % 16 || width % 16 || width > span[map->swizzle])
    return 0;
  for (long i = 0; i < map->rank; ++i)
    if (map->sizes[i] < 1 || map->sizes[i] > 1L << 32 || map->box[i] < 1 || map->box[i] > 256 || map->steps[i] < 1 || map->steps[i] > 8)
      return 0;
  for (long i = 0; i + 1 < map->rank; ++i)
    if (map->pitches[i] % 16 || map->pitches[i] >= 1L << 40)
      return 0;
  return 1;
}

int cuTensorMapEncodeTiled(void *bytes, int type, uint32_t rank, void *address, const uint64_t *sizes, const uint64_t *pitches,
                           const uint32_t *box, const uint32_t *steps, int interleave, int swizzle, int promotion, int fill) {
  struct Map map = {.type = type,
                    .rank = rank,
                    .address = (long)(intptr_t)address,
                    .interleave = interleave,
                    .swizzle = swizzle,
                    .promotion = promotion,
                    .fill = fill};
  for (uint32_t i = 0; i < rank && i < 3; ++i)
    map.sizes[i] = (long)sizes[i], map.box[i] = box[i], map.steps[i] = steps[i];
  for (uint32_t i = 0; i + 1 < rank && i < 2; ++i)
    map.pitches[i] = (long)pitches[i];
  maps[(*number("maps"))++ % 16] = map;
  if (*number("fail_map"))
    return (int)*number("fail_map");
  return is_legal(&map) ? (memset(bytes, 0, 128), Success) : InvalidValue;
}
