#include "report/row_spill.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kHeldByAll = std::size_t{32} << 20;
constexpr std::size_t kLeastHeld = std::size_t{4} << 10;
constexpr std::size_t kMostHeld = std::size_t{1} << 20;

}  // namespace

RowSpill::RowSpill(const std::filesystem::path& file, std::size_t parts, std::string_view header)
    : path_(file),
      file_(file),
      parts_(parts),
      most_held_(std::clamp(kHeldByAll / std::max<std::size_t>(parts, 1), kLeastHeld, kMostHeld)) {
  write(header);
}

RowSpill::~RowSpill() {
  if (waiting_ >= 0) {
    ::close(waiting_);
  }
}

void RowSpill::fail(std::string_view problem) const {
  throw UserError(fmt::format("{} ({})", problem, std::strerror(errno)),
                  Where{path_.string(), 0, {}},
                  "name a file in a folder that you may write to, on a disk with room for the "
                  "results twice");
}

void RowSpill::write(std::string_view bytes) {
  file_.write(bytes);
  digest_.update(bytes);
  bytes_ += std::ssize(bytes);
}

void RowSpill::append(std::size_t part, std::string_view rows) {
  if (part == 0) {
    write(rows);
    return;
  }
  Part& waiting = parts_[part];
  waiting.rows += rows;
  if (waiting.rows.size() >= most_held_) {
    spill(waiting);
  }
}

void RowSpill::spill(Part& part) {
  if (waiting_ < 0) {
    const std::string name = fmt::format("{}.{}.rows", path_.string(), ::getpid());
    waiting_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (waiting_ < 0) {
      fail("no file can be made beside the output file");
    }
    ::unlink(name.c_str());  // it is gone when this program is, however that ends
  }
  const Block block{end_, part.rows.size()};
  for (std::size_t done = 0; done < block.size;) {
    const ssize_t written = ::pwrite(waiting_, part.rows.data() + done, block.size - done, end_);
    if (written <= 0) {
      fail("writing the output file failed");
    }
    done += static_cast<std::size_t>(written);
    end_ += written;
  }
  part.blocks.push_back(block);
  part.rows.clear();
}

void RowSpill::fetch(const Part& part) {
  std::string bytes;
  for (const Block& block : part.blocks) {
    bytes.resize(block.size);
    for (std::size_t done = 0; done < block.size;) {
      const ssize_t read = ::pread(waiting_, bytes.data() + done, block.size - done,
                                   block.offset + static_cast<std::int64_t>(done));
      if (read <= 0) {
        fail("the rows of the output file cannot be read again");
      }
      done += static_cast<std::size_t>(read);
    }
    write(bytes);
  }
  write(part.rows);
}

void RowSpill::commit(const std::filesystem::path& file) {
  for (const Part& part : parts_) {
    fetch(part);
  }
  file_.move_to(file);
  file_.commit();
}

}  // namespace lockstep
