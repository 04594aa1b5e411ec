import com.nimbusds.jose.util.JSONObjectUtils;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Executors;
import java.util.function.*;

/**
 * A resource server in front of its services: a library says whether a token is good, and the request is passed on. It
 * stands where an application's own code would. The first argument is a file with the settings.
 */
final class Resource {
  /** Looks at a token, and throws what the library throws of one that is not good. */
  interface Verifier {
    void verify(String token) throws Exception;
  }

  private static final Set<String> HOP_BY_HOP =
      Set.of("connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length", "host", "expect", "date");
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final Map<String, Object> settings;

  Resource(String file) throws Exception {
    settings = JSONObjectUtils.parse(Files.readString(Path.of(file)));
  }

  String told(String name) {
    return (String) settings.get(name);
  }

  /** What is set in the library; null: nothing, so that its own defaults hold. */
  @SuppressWarnings("unchecked")
  Map<String, Number> tuned() {
    return (Map<String, Number>) settings.get("tuned");
  }

  /** Listens until the process is ended. Whatever is thrown is answered with the status that `status` has for it. */
  @SuppressWarnings("unchecked")
  void serve(Function<String, Verifier> verifiers, ToIntFunction<Exception> status) throws IOException {
    // As servers for production do: no answer waits for the next packet.
    System.setProperty("sun.net.httpserver.nodelay", "true");
    Map<String, Map<String, String>> services = (Map<String, Map<String, String>>) settings.get("services");
    Map<String, Verifier> verifying = new HashMap<>();
    services.forEach((name, service) -> verifying.put(name, verifiers.apply(service.get("audience"))));
    String[] listen = told("listen").split(":");
    HttpServer server = HttpServer.create(new InetSocketAddress(listen[0], Integer.parseInt(listen[1])), 512);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", exchange -> {
      // RFC 6750 section 2.1: in one header, under one scheme.
      List<String> given = exchange.getRequestHeaders().getOrDefault("Authorization", List.of());
      if (given.size() != 1 || !given.get(0).regionMatches(true, 0, "Bearer ", 0, 7)) {
        answer(exchange, 401, "no bearer token", "Bearer realm=\"api\"");
        return;
      }
      String name = exchange.getRequestURI().getPath().split("/", 3)[1];
      if (!services.containsKey(name)) {
        answer(exchange, 404, "no such API", null);
        return;
      }
      try {
        verifying.get(name).verify(given.get(0).substring(7));
      } catch (Exception error) {
        int code = status.applyAsInt(error);
        answer(exchange, code, error.toString(), code == 401 ? "Bearer error=\"invalid_token\"" : null);
        return;
      }
      passOn(exchange, services.get(name).get("address"));
    });
    server.start();
  }

  private void passOn(HttpExchange exchange, String address) throws IOException {
    URI asked = exchange.getRequestURI();
    String path = asked.getRawPath() + (asked.getRawQuery() == null ? "" : "?" + asked.getRawQuery());
    byte[] body = exchange.getRequestBody().readAllBytes();
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://" + address + path)).timeout(PATIENCE)
        .method(exchange.getRequestMethod(), HttpRequest.BodyPublishers.ofByteArray(body));
    exchange.getRequestHeaders().forEach((name, texts) -> {
      if (!HOP_BY_HOP.contains(name.toLowerCase())) texts.forEach(text -> request.header(name, text));
    });
    try {
      HttpResponse<byte[]> found = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
      found.headers().map().forEach((name, texts) -> {
        if (!HOP_BY_HOP.contains(name.toLowerCase())) exchange.getResponseHeaders().put(name, texts);
      });
      finish(exchange, found.statusCode(), found.body());
    } catch (IOException | IllegalArgumentException error) {
      answer(exchange, error instanceof HttpTimeoutException ? 504 : 502, error.toString(), null);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  private static void answer(HttpExchange exchange, int status, String text, String challenge) throws IOException {
    exchange.getRequestBody().readAllBytes();
    exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
    if (challenge != null) exchange.getResponseHeaders().set("WWW-Authenticate", challenge);
    finish(exchange, status, (text + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private static void finish(HttpExchange exchange, int status, byte[] content) throws IOException {
    boolean bare = exchange.getRequestMethod().equals("HEAD") || content.length == 0;
    exchange.sendResponseHeaders(status, bare ? -1 : content.length);
    if (!bare) exchange.getResponseBody().write(content);
    exchange.close();
  }
}
