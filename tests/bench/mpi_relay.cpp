// mpi_relay: hands packets from one network device to another as a line of some rate and delay would.
//
// Usage: mpi_relay BITS_PER_SECOND SECONDS_ONE_WAY FD=ADDRESS..., where FD is an open tun device and ADDRESS,
// IPv4, what is behind it. mpi_network.py starts it. It ends when the devices are gone or its standard input
// is closed, and then says on stderr what each has sent.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Packet {
  Clock::time_point due;
  std::vector<char> bytes;
};

// What a host sends: one packet after another at the line's rate, each there after the delay.
struct Line {
  int device;
  std::string address;
  Clock::time_point free{};  // when the last packet has left
  std::deque<Packet> under_way{};
  std::uint64_t bytes = 0, packets = 0;
};

Clock::duration seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

// False if the device is gone.
bool take(Line& line, double bits_per_second, Clock::duration delay) {
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(line.device, buffer, sizeof buffer);
    if (n < 0) return errno == EAGAIN;
    line.free = std::max(line.free, Clock::now()) + seconds(8.0 * static_cast<double>(n) / bits_per_second);
    line.under_way.push_back({line.free + delay, {buffer, buffer + n}});
    line.bytes += static_cast<std::uint64_t>(n);
    ++line.packets;
  }
}

void deliver(Line& line, std::span<const Line> lines) {
  for (; !line.under_way.empty() && line.under_way.front().due <= Clock::now(); line.under_way.pop_front()) {
    const std::vector<char>& packet = line.under_way.front().bytes;
    if (packet.size() < 20) continue;
    char receiver[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &packet[16], receiver, sizeof receiver);
    const auto to = std::ranges::find(lines, std::string(receiver), &Line::address);
    if (to == lines.end()) continue;
    if (write(to->device, packet.data(), packet.size()) < 0) return;  // TCP sends again what is lost
  }
}

// Until the first packet is due; a second without any.
timespec patience(std::span<const Line> lines) {
  auto first = Clock::now() + std::chrono::seconds(1);
  for (const Line& line : lines) {
    if (!line.under_way.empty()) first = std::min(first, line.under_way.front().due);
  }
  const auto left = std::max(first - Clock::now(), Clock::duration::zero());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {whole.count(), std::chrono::nanoseconds(left - whole).count()};
}

}  // namespace

int main(int argc, char** argv) {
  const double bits_per_second = argc > 2 ? std::atof(argv[1]) : 0,
               delay = argc > 2 ? std::atof(argv[2]) : -1;
  std::vector<Line> lines;
  for (int i = 3; i < argc; ++i) {
    const char* equals = std::strchr(argv[i], '=');
    if (equals == nullptr) break;
    lines.push_back({std::atoi(argv[i]), equals + 1});
    fcntl(lines.back().device, F_SETFL, O_NONBLOCK);
  }
  if (!(bits_per_second > 0) || !(delay >= 0) || lines.size() < 2 ||
      lines.size() + 3 != static_cast<std::size_t>(argc)) {
    std::fputs("usage: mpi_relay BITS_PER_SECOND SECONDS_ONE_WAY FD=ADDRESS FD=ADDRESS...\n", stderr);
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1000ul);  // 1 us, not 50
  const sched_param first{1};        // before the ranks, which look for messages without sleeping
  sched_setscheduler(0, SCHED_FIFO, &first);
  std::vector<pollfd> waiting{{STDIN_FILENO, POLLIN, 0}};
  for (const Line& line : lines) waiting.push_back({line.device, POLLIN, 0});
  for (bool is_open = true; is_open && waiting[0].revents == 0;) {
    const timespec time = patience(lines);
    ppoll(waiting.data(), waiting.size(), &time, nullptr);
    for (Line& line : lines) is_open &= take(line, bits_per_second, seconds(delay));
    for (Line& line : lines) deliver(line, lines);
  }
  for (const Line& line : lines) {
    std::fprintf(stderr, "%s sent %llu bytes in %llu packets\n", line.address.c_str(),
                 static_cast<unsigned long long>(line.bytes), static_cast<unsigned long long>(line.packets));
  }
}
