//! The scripts. Each is one atomic step by the clock of the server.

use std::sync::LazyLock;

use redis::Script;

/// Writes a value or a removal if the key is as expected.
///
/// A value is a hash with `v`, its revision `r` and its time `t`; a removal is a hash of another key with its operation `o`, so that a
/// list of keys passes it over. Revisions grow by at least one, and are no smaller than the time in microseconds, so that they grow
/// also when the server lost its data.
///
/// Keys: value, removal, revision of the bucket. Arguments: what is expected, the revision of that, `v` or `o`, its content, how many
/// milliseconds it is kept (0 for ever). Returns whether it wrote, and the revision of the last write, 0 for none.
pub(super) static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local live = redis.call('HGET', KEYS[1], 'r')
local last = live or redis.call('HGET', KEYS[2], 'r') or '0'
if ARGV[1] == 'absent' and live then return {0, live} end
if ARGV[1] == 'revision' and last ~= ARGV[2] then return {0, last} end
local time = redis.call('TIME')
local next = tonumber(redis.call('GET', KEYS[3]) or '0') + 1
local revision = string.format('%.0f', math.max(next, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[3], revision)
redis.call('DEL', KEYS[1], KEYS[2])
local key = ARGV[3] == 'v' and KEYS[1] or KEYS[2]
local millis = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', key, ARGV[3], ARGV[4], 'r', revision, 't', millis)
if ARGV[5] ~= '0' then redis.call('PEXPIRE', key, ARGV[5]) end
return {1, revision}",
    )
});

/// Takes from a window that slides, like `Window::take`. A key whose window had another length begins again.
///
/// Key: the count. Arguments: the window in microseconds, the limit, the cost, how many milliseconds the count is kept. Returns what was
/// taken in the window before and in this one without this cost, the number of the window, and the time in microseconds.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
local now, window = time[1] * 1000000 + time[2], tonumber(ARGV[1])
local index, previous, current = math.floor(now / window), 0, 0
local found = redis.call('HMGET', KEYS[1], 'i', 'p', 'c', 'w')
if found[4] == ARGV[1] then
  local age = index - tonumber(found[1])
  if age <= 0 then
    index, previous, current = tonumber(found[1]), tonumber(found[2]), tonumber(found[3])
  elseif age == 1 then
    previous = tonumber(found[3])
  end
end
local passed = (now - math.floor(now / window) * window) / window
if previous * (1 - passed) + current + ARGV[3] <= tonumber(ARGV[2]) then
  local text = function(number) return string.format('%.0f', number) end
  redis.call('HSET', KEYS[1], 'i', text(index), 'p', text(previous), 'c', text(current + ARGV[3]), 'w', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return {previous, current, index, now}",
    )
});
