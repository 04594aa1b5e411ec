// lestrrat-go/jwx, with its own cache of keys: https://pkg.go.dev/github.com/lestrrat-go/jwx/v3/jwk#Cache
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"idchaos.invalid/validators/resource"
)

func main() {
	settings := resource.Told()
	ctx := context.Background()
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		log.Fatal(err)
	}
	// Who starts while the IdP is away should not end, so that it is not waited for.
	options := []jwk.RegisterOption{jwk.WithWaitReady(false)}
	asked := []jwt.ParseOption{jwt.WithIssuer(settings.Issuer)}
	if tuned := settings.Tuned; tuned != nil {
		options = append(options, jwk.WithConstantInterval(resource.Seconds(tuned.Cache)),
			jwk.WithHTTPClient(&http.Client{Timeout: resource.Seconds(tuned.Timeout)}))
		asked = append(asked, jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithAcceptableSkew(resource.Seconds(tuned.Leeway)))
	}
	if err := cache.Register(ctx, settings.JwksURI, options...); err != nil {
		log.Fatal(err)
	}
	keys, err := cache.CachedSet(settings.JwksURI)
	if err != nil {
		log.Fatal(err)
	}
	resource.Serve(settings, func(_ context.Context, token, audience string) error {
		_, err := jwt.Parse([]byte(token), append(asked[:len(asked):len(asked)], jwt.WithKeySet(keys), jwt.WithAudience(audience))...)
		return err
	})
}
