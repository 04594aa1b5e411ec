import org.springframework.security.oauth2.jwt.BadJwtException;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

/**
 * Spring Security's decoder, which its resource server uses:
 * https://docs.spring.io/spring-security/reference/servlet/oauth2/resource-server/jwt.html
 */
final class WithSpring {
  public static void main(String[] arguments) throws Exception {
    Resource resource = new Resource(arguments[0]);
    resource.serve(audience -> {
      NimbusJwtDecoder decoder = NimbusJwtDecoder.withJwkSetUri(resource.told("jwks_uri")).build();
      // Without it a `typ` is JWT or absent, which access tokens of RFC 9068 are not.
      decoder.setJwtValidator(
          JwtValidators.createAtJwtValidator().issuer(resource.told("issuer")).audience(audience).build());
      return decoder::decode;
      // As in its JwtAuthenticationProvider: what is no BadJwtException is an AuthenticationServiceException.
    }, error -> error instanceof BadJwtException ? 401 : 500);
  }
}
