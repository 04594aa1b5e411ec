// MicahParks/keyfunc, which finds keys for golang-jwt: https://pkg.go.dev/github.com/MicahParks/keyfunc/v3
package main

import (
	"context"
	"log"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
	"idchaos.invalid/validators/resource"
)

func main() {
	settings := resource.Told()
	asked := []jwt.ParserOption{jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(settings.Issuer)}
	override := keyfunc.Override{}
	if tuned := settings.Tuned; tuned != nil {
		override.RefreshInterval = resource.Seconds(tuned.Cache)
		override.HTTPTimeout = resource.Seconds(tuned.Timeout)
		override.RefreshUnknownKID = rate.NewLimiter(rate.Every(resource.Seconds(tuned.Cooldown)), 1)
		override.RateLimitWaitMax = resource.Seconds(tuned.Cooldown)
		asked = append(asked, jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(resource.Seconds(tuned.Leeway)))
	}
	// Of an Override in which nothing is set, this is NewDefaultCtx.
	keys, err := keyfunc.NewDefaultOverrideCtx(context.Background(), []string{settings.JwksURI}, override)
	if err != nil {
		log.Fatal(err)
	}
	resource.Serve(settings, func(ctx context.Context, token, audience string) error {
		_, err := jwt.Parse(token, keys.KeyfuncCtx(ctx), append(asked[:len(asked):len(asked)], jwt.WithAudience(audience))...)
		return err
	})
}
