#include "hooks.hpp"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace lockstep::python {
namespace py = pybind11;
namespace {

constexpr std::size_t kNoPlace = std::numeric_limits<std::size_t>::max();

// The hooks belong to the session, so they hold it weakly: else neither would ever be freed.
using WeakSession = std::weak_ptr<Session>;

[[noreturn]] void refuse(const char* hook, const py::handle& answer, const char* wanted) {
  throw UserError(fmt::format("the {} answered {}", hook, py::repr(answer).cast<std::string>()),
                  Where{{}, 0, hook}, wanted);
}

/// A number as it is, something else where it stands in `pointers`.
template <class View, class Pointer>
std::size_t place_of(const py::handle& answer, Pointer View::*member,
                     std::span<const Pointer> pointers) {
  if (py::isinstance<View>(answer)) {
    const auto found =
        std::find(pointers.begin(), pointers.end(), answer.cast<const View&>().*member);
    return found == pointers.end() ? kNoPlace : static_cast<std::size_t>(found - pointers.begin());
  }
  if (PyIndex_Check(answer.ptr()) == 0) {
    return kNoPlace;
  }
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(answer.ptr()));
  if (!number) {
    throw py::error_already_set();
  }
  const auto place = number.cast<std::int64_t>();
  return place < 0 || std::cmp_greater_equal(place, pointers.size())
             ? kNoPlace
             : static_cast<std::size_t>(place);
}

class FunctionPolicy final : public AdmissionPolicy {
public:
  FunctionPolicy(py::function function, WeakSession session)
      : function_(std::move(function)), session_(std::move(session)) {}

  std::vector<std::size_t> choose(const Scheduler& scheduler, Nanos now,
                                  std::span<const Request* const> waiting) override {
    const auto session = session_.lock();
    std::vector<RequestView> views;
    for (const Request* request : waiting) {
      views.push_back({session, request});
    }
    const py::object answer =
        function_(InstanceView{session, &scheduler}, now.count(), std::move(views));
    if (!py::isinstance<py::iterable>(answer)) {
      refuse("policy", answer, kWanted);
    }
    std::vector<std::size_t> places;
    for (const py::handle& entry : answer) {
      places.push_back(place_of(entry, &RequestView::request, waiting));
      if (places.back() == kNoPlace) {
        refuse("policy", entry, kWanted);
      }
    }
    return places;
  }

private:
  static constexpr const char* kWanted =
      "answer a list of requests out of the waiting ones that the policy was given";
  py::function function_;
  WeakSession session_;
};

}  // namespace

Router::Chooser chooser_of(py::function function, const std::shared_ptr<Session>& session) {
  return [function = std::move(function), weak = WeakSession(session)](
             const Request& request, std::span<Scheduler* const> candidates) {
    const auto kept = weak.lock();
    std::vector<const Scheduler*> pointers(candidates.begin(), candidates.end());
    std::vector<InstanceView> views;
    for (const Scheduler* scheduler : pointers) {
      views.push_back({kept, scheduler});
    }
    const py::object answer = function(RequestView{kept, &request}, std::move(views));
    const std::size_t place =
        place_of(answer, &InstanceView::scheduler, std::span<const Scheduler* const>(pointers));
    if (place == kNoPlace) {
      refuse("router", answer,
             "answer one of the instances that the router was given, or its place in the list");
    }
    return place;
  };
}

std::unique_ptr<AdmissionPolicy> policy_of(py::function function,
                                           const std::shared_ptr<Session>& session) {
  return std::make_unique<FunctionPolicy>(std::move(function), session);
}

}  // namespace lockstep::python
