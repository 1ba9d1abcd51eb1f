//! The line by which a server says where it listens: it names an address of this machine, and says that something serves
//! there. In doubt a line is not one: then the model asks for the output, as without us.

/// What a server says about its address. The line is in small letters.
const SERVES: &[&str] = &[
    "listening",
    "listens",
    "running",
    "serving",
    "started",
    "available",
    "ready",
    "accepting",
    "launched",
    "local:",
    "loopback:",
    "local server",
    "server at",
    "server address",
    "dev server",
    "forwarding from",
    "access ",
];
/// Words of lines that name an address and are about something else.
const OTHERS: &[&str] = &[
    "error",
    "fail",
    "eaddrinuse",
    "in use",
    "in-use",
    "occupied",
    "denied",
    "cannot",
    "can't",
    "could not",
    "couldn't",
    "unable",
    "not listening",
    "not running",
    "not ready",
    "not available",
    "unavailable",
    "waiting",
    "wait for",
    "retry",
    "trying",
    "attempt",
    "connecting",
    "connected",
    "connect to",
    "connection from",
    "proxy",
    "against ",
    "migrat",
    "debugger",
    "inspector",
    "stopped",
    "stopping",
    "shutting",
    "closed",
    "will be",
    "deprecated",
];
/// The schemes of addresses to connect to. That of a database is in many lines about a client.
const SCHEMES: &[&str] = &["http", "https", "ws", "wss", "tcp", "grpc"];

/// Whether this line says where a server listens.
pub fn says_where_it_listens(line: &str) -> bool {
    let line = line.to_lowercase();
    if OTHERS.iter().any(|words| line.contains(words)) {
        return false;
    }
    let is_said = || SERVES.iter().any(|words| contains_word(&line, words));
    match address(&line) {
        Address::Alone => true,
        Address::Named => is_said(),
        Address::None => false,
    }
}

/// Whether the text has these words, and not as the end of a longer one.
fn contains_word(text: &str, words: &str) -> bool {
    let begins = |at: usize| !text[..at].ends_with(|it: char| it.is_alphanumeric());
    text.match_indices(words).any(|(at, _)| begins(at))
}

/// What a line has of an address.
enum Address {
    None,
    Named,
    /// The line is an address with a scheme and nothing else.
    Alone,
}

fn address(line: &str) -> Address {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_url = |word: &&str| is_local_url(word);
    // Boxes and bullets are no words.
    let said = || words.iter().filter(|word| word.contains(char::is_alphanumeric)).count();
    if words.iter().any(is_url) {
        return if said() == 1 { Address::Alone } else { Address::Named };
    }
    let is_port_named = words.windows(2).any(|two| is_port_word(two[0]) && is_port(trim(two[1])));
    let is_named = |word: &&str| is_local_socket(trim(word)) || is_port_option(word);
    if is_port_named || words.iter().any(is_named) { Address::Named } else { Address::None }
}

/// Removes the punctuation around a word.
fn trim(word: &str) -> &str {
    word.trim_matches(|it: char| !it.is_alphanumeric() && !matches!(it, ':' | '[' | ']' | '*'))
        .trim_end_matches([':', '.'])
}

/// `port`, `port:`, `port(s):`, `ports`.
fn is_port_word(word: &str) -> bool {
    matches!(
        word.trim_matches(|it: char| !it.is_alphanumeric() && it != ')'),
        "port" | "ports" | "port(s)"
    )
}

/// `port=6379`.
fn is_port_option(word: &str) -> bool {
    word.strip_prefix("port=").is_some_and(|port| is_port(trim(port)))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a word holds a URL of this machine.
fn is_local_url(word: &str) -> bool {
    word.match_indices("://").any(|(at, mark)| {
        let scheme = word[..at].rsplit(|it: char| !it.is_ascii_alphanumeric()).next();
        let rest = &word[at + mark.len()..];
        // A bracket belongs to a number of IPv6, or stands around the whole.
        let is_number = rest.starts_with('[');
        let is_end = |it: char| "/?#\"'),>".contains(it) || (it == ']' && !is_number);
        let end = rest.find(is_end);
        let authority = trim(&rest[..end.unwrap_or(rest.len())]);
        let is_scheme = scheme.is_some_and(|scheme| SCHEMES.contains(&scheme));
        is_scheme && (is_local_socket(authority) || is_local_host(authority))
    })
}

/// `localhost:3000`, `0.0.0.0:80`, `[::]:1323`, `:::80`, `*:80`, `:8080`.
fn is_local_socket(word: &str) -> bool {
    word.rsplit_once(':').is_some_and(|(host, port)| {
        let is_any = matches!(host, "" | "*" | "::");
        is_port(port) && (is_any || is_local_host(host))
    })
}

/// A name or number of this machine, or of its own network.
fn is_local_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    if matches!(host, "localhost" | "::" | "::1") {
        return true;
    }
    if [".localhost", ".local", ".test"].iter().any(|end| host.ends_with(end)) {
        return true;
    }
    host.parse::<std::net::Ipv4Addr>()
        .is_ok_and(|it| it.is_loopback() || it.is_unspecified() || it.is_private())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What servers print, as they print it less the colors.
    const ADDRESSES: &[&str] = &[
        // Vite, Angular, Astro; Next; Nuxt; Create React App; esbuild; Parcel; Storybook.
        "  ➜  Local:   http://localhost:5173/",
        "  > Local: http://localhost:3000/",
        "   - Local:        http://localhost:3000",
        "- ready started server on [::]:3000, url: http://localhost:3000",
        "ready - started server on 0.0.0.0:3000, url: http://localhost:3000",
        "** Angular Live Development Server is listening on localhost:4200, open your browser on http://localhost:4200/ **",
        "┃ Local    http://localhost:4321/ is available",
        " > Local:   http://127.0.0.1:8000/",
        "Server running at http://localhost:1234",
        "│   Local:            http://localhost:6006/    │",
        "<i> [webpack-dev-server] Loopback: http://localhost:8080/, http://[::1]:8080/",
        "ℹ ｢wds｣: Project is running at http://localhost:8080/",
        "[wrangler:inf] Ready on http://localhost:8787",
        "Started development server: http://localhost:3000",
        // Static servers.
        "Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ...",
        "Serving HTTP on :: port 8000 (http://[::]:8000/) ...",
        " INFO  Accepting connections at http://localhost:3000",
        "  http://127.0.0.1:8080",
        "Web Server is available at http://localhost:1313/ (bind address 127.0.0.1)",
        "    Server address: http://127.0.0.1:4000/",
        "Serving on http://0.0.0.0:8000",
        // Python.
        "Starting development server at http://127.0.0.1:8000/",
        " * Running on http://127.0.0.1:5000",
        " * Running on all addresses (0.0.0.0) at http://192.168.1.7:5000",
        "INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
        "[2026-11-28 10:00:00 +0000] [4711] [INFO] Listening at: http://127.0.0.1:8000 (4711)",
        "INFO:waitress:Serving on http://0.0.0.0:8080",
        "  Local URL: http://localhost:8501 is ready",
        "Running on local URL:  http://127.0.0.1:7860",
        // Ruby, PHP, Elixir.
        "* Listening on http://127.0.0.1:3000",
        "* Listening on tcp://0.0.0.0:3000",
        "[Sat Nov 28 10:00:00 2026] PHP 8.4.1 Development Server (http://localhost:8000) started",
        "   INFO  Server running on [http://127.0.0.1:8000].",
        "[info] Running HelloWeb.Endpoint with Bandit 1.6.0 at 127.0.0.1:4000 (http)",
        "[info] Access HelloWeb.Endpoint at http://localhost:4000",
        // Rust, Go, JVM, .NET.
        "listening on 127.0.0.1:3000",
        "2026-11-28T10:00:00Z  INFO server: listening on http://0.0.0.0:8080",
        "starting service: \"actix-web-service-127.0.0.1:8080\", workers: 2, listening on: 127.0.0.1:8080",
        "🚀 Rocket has launched from http://127.0.0.1:8000",
        "2026/11/28 10:00:00 Listening on :8080",
        "[GIN-debug] Listening and serving HTTP on :8080",
        "⇨ http server started on [::]:1323",
        "Tomcat started on port 8080 (http) with context path '/'",
        "Tomcat started on port(s): 8080 (http) with context path ''",
        "      Now listening on: http://localhost:5000",
        // Node and Deno.
        "Example app listening on port 3000",
        "Example app listening on port 3000!",
        "Server started on port 4000",
        "{\"level\":30,\"time\":1,\"msg\":\"Server listening at http://127.0.0.1:3000\"}",
        "🚀  Server ready at: http://localhost:4000/",
        "Listening on http://0.0.0.0:8000/ (http://localhost:8000/)",
        "deno: Listening on http://localhost:8000/",
        // Containers, databases, tunnels.
        "web-1  | Server listening on port 3000",
        "api-1  | INFO:     Uvicorn running on http://0.0.0.0:80 (Press CTRL+C to quit)",
        "LOG:  listening on IPv4 address \"127.0.0.1\", port 5432",
        "4711:M 28 Nov 2026 10:00:00.000 * Running mode=standalone, port=6379.",
        "Forwarding from 127.0.0.1:8080 -> 80",
    ];

    const OTHER_LINES: &[&str] = &[
        "",
        "> vite --port 5173",
        "$ next dev -p 3000",
        "VITE v6.0.0  ready in 312 ms",
        " ✓ Ready in 2.3s",
        "  ➜  Network: use --host to expose",
        "  ➜  press h + enter to show help",
        "Compiled successfully in 812 ms",
        "<i> [webpack-dev-server] Project is running at:",
        "Starting server...",
        "Server started",
        "Listening for changes",
        "listening to 5 channels",
        "Watching for file changes with StatReloader",
        "Error: listen EADDRINUSE: address already in use :::3000",
        "Port 5173 is in use, trying another one...",
        "⚠ Port 3000 is in use, using available port 3001 instead.",
        "Error: could not start the server on port 8000",
        "Connecting to database at localhost:5432",
        "Connected to redis at 127.0.0.1:6379, ready",
        "Waiting for http://localhost:3000 to be ready",
        "Waiting for service db:5432, running since 3 s",
        "[HPM] Proxy created: /api -> http://localhost:4000, running",
        "GET http://localhost:3000/ 200 in 12 ms",
        "127.0.0.1 - - [28/Nov/2026 10:00:00] \"GET / HTTP/1.1\" 200 -",
        "Running tests against http://localhost:3000",
        "Running migrations on localhost:5432",
        "DATABASE_URL=postgres://localhost:5432/app is available",
        "Debugger listening on ws://127.0.0.1:9229/4f0c",
        "For help, see: https://nodejs.org/en/docs/inspector",
        "Documentation is available at https://vite.dev/guide",
        "Your site is live: https://example.com, ready at 12:00:00",
        "started at 12:30",
        "Started container 8080",
        "ready at 10:00:00",
        "curl http://localhost:3000/health",
        "Open the file report.json on port side",
        "listening on port zero",
        "listening on port 99999",
        "report 3000 is ready",
        "Server on port 3000 stopped, ready to restart",
    ];

    #[test]
    fn servers_say_where_they_listen() {
        let missed = ADDRESSES.iter().filter(|line| !says_where_it_listens(line));
        assert_eq!(missed.collect::<Vec<_>>(), Vec::<&&str>::new());
        let wrong = OTHER_LINES.iter().filter(|line| says_where_it_listens(line));
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&&str>::new());
    }
}
