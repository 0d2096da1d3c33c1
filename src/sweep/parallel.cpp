#include "sweep/parallel.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace lockstep {
namespace {

#ifdef __SANITIZE_THREAD__
/// The thread sanitizer cannot see how an uninstrumented oneTBB synchronises.
void on_threads(int workers, const std::function<void()>& work) {
  std::vector<std::thread> threads;
  std::exception_ptr thrown;
  std::mutex mutex;
  for (int k = 0; k < workers; ++k) {
    threads.emplace_back([&] {
      try {
        work();
      } catch (...) {
        const std::lock_guard lock(mutex);
        thrown = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (thrown) {
    std::rethrow_exception(thrown);
  }
}
#else
void on_threads(int workers, const std::function<void()>& work) {
  tbb::task_arena arena(workers);
  arena.execute([&] { tbb::parallel_for(0, workers, [&](int) { work(); }); });
}
#endif

}  // namespace

void parallel_for(int workers, std::int64_t count, const std::function<void(std::int64_t)>& body) {
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    for (std::int64_t i = next++; i < count; i = next++) {
      body(i);
    }
  };
  if (workers <= 1) {
    work();
  } else {
    on_threads(workers, work);
  }
}

}  // namespace lockstep
