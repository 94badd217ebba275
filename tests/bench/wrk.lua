-- Says how a run ended as one line of JSON. DELAY_MS makes every connection pause before each request.
local pause = tonumber(os.getenv("DELAY_MS"))
if pause then
    function delay()
        return math.random(0, 2 * pause)
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "bytes": %d, "bad": %d, "p50": %.3f, "p99": %.3f}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, bad,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
