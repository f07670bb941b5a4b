// Launch costs without Python's own: no library is linked, the driver's functions come in as pointers, so this runs on any x86-64 Linux.
typedef int (*Launch)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
typedef int (*LaunchGraph)(void *, void *);
typedef int (*Wait)(void *);

int launch_many(Launch launch, Wait wait, void *function, void *stream, void **arguments, int count, int wait_each) {
  for (int i = 0; i < count; ++i) {
    int status = launch(function, 1, 1, 1, 32, 1, 1, 0, stream, arguments, 0);
    if (!status && wait_each)
      status = wait(stream);
    if (status)
      return status;
  }
  return wait(stream);
}

int launch_graphs(LaunchGraph launch, Wait wait, void *graph, void *stream, int count, int wait_each) {
  for (int i = 0; i < count; ++i) {
    int status = launch(graph, stream);
    if (!status && wait_each)
      status = wait(stream);
    if (status)
      return status;
  }
  return wait(stream);
}

// Instead of a wait while a stream is being captured.
int nothing(void *stream) {
  (void)stream;
  return 0;
}
