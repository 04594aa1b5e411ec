import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.DefaultResourceRetriever;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.net.URL;
import java.text.ParseException;
import java.util.Map;
import java.util.Set;

/** Nimbus JOSE+JWT: https://connect2id.com/products/nimbus-jose-jwt/examples/validating-jwt-access-tokens */
final class WithNimbus {
  public static void main(String[] arguments) throws Exception {
    Resource resource = new Resource(arguments[0]);
    Map<String, Number> tuned = resource.tuned();
    JWKSource<SecurityContext> keys = keys(URI.create(resource.told("jwks_uri")).toURL(), tuned);
    JWTClaimsSet exact = new JWTClaimsSet.Builder().issuer(resource.told("issuer")).build();
    Set<String> required = tuned == null ? Set.of() : Set.of("sub", "iat", "exp");
    resource.serve(audience -> {
      DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
      // By default a `typ` is JWT or absent, which access tokens of RFC 9068 are not.
      processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
      processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.RS256, keys));
      DefaultJWTClaimsVerifier<SecurityContext> claims = new DefaultJWTClaimsVerifier<>(audience, exact, required);
      if (tuned != null) claims.setMaxClockSkew(tuned.get("leeway_s").intValue());
      processor.setJWTClaimsSetVerifier(claims);
      return token -> processor.process(token, null);
    }, WithNimbus::status);
  }

  private static JWKSource<SecurityContext> keys(URL uri, Map<String, Number> tuned) {
    if (tuned == null) return JWKSourceBuilder.create(uri).build();
    long life = millis(tuned, "jwks_cache_s");
    long patience = millis(tuned, "jwks_timeout_s");
    // The time that keys are fetched ahead, and that others wait for them, must fit into their life together. A limit
    // must be shorter than it, and lets two requests pass in its time.
    long ahead = life / 4;
    long wait = Math.min(2 * patience, life / 2);
    long cooldown = Math.min(2 * millis(tuned, "jwks_cooldown_s"), life / 2);
    DefaultResourceRetriever retriever = new DefaultResourceRetriever((int) patience, (int) patience);
    return JWKSourceBuilder.create(uri, retriever)
        .cache(life, wait)
        .refreshAheadCache(ahead, true)
        .rateLimited(cooldown)
        .retrying(true)
        .outageTolerant(millis(tuned, "jwks_stale_s"))
        .build();
  }

  private static long millis(Map<String, Number> tuned, String name) {
    return Math.round(tuned.get(name).doubleValue() * 1000);
  }

  /** A token that is bad, keys that could not be had, and what nobody foresaw. */
  private static int status(Exception error) {
    if (error instanceof BadJOSEException || error instanceof ParseException) return 401;
    return error instanceof KeySourceException ? 503 : 500;
  }
}
