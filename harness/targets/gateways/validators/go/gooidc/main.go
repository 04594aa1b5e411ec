// coreos/go-oidc: https://pkg.go.dev/github.com/coreos/go-oidc/v3/oidc
package main

import (
	"context"

	"github.com/coreos/go-oidc/v3/oidc"
	"idchaos.invalid/validators/resource"
)

func main() {
	settings := resource.Told()
	keys := oidc.NewRemoteKeySet(context.Background(), settings.JwksURI)
	resource.Serve(settings, func(ctx context.Context, token, audience string) error {
		verifier := oidc.NewVerifier(settings.Issuer, keys, &oidc.Config{ClientID: audience})
		_, err := verifier.Verify(ctx, token)
		return err
	})
}
