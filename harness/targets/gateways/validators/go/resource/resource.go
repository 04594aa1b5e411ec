// Package resource is a resource server in front of its services: a library says whether a token is good, and the
// request is passed on. It stands where an application's own code would. The first argument is a file with the settings.
package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"
)

// Settings are what one replica is told.
type Settings struct {
	Listen   string             `json:"listen"`
	Issuer   string             `json:"issuer"`
	JwksURI  string             `json:"jwks_uri"`
	Services map[string]Service `json:"services"`
	Tuned    *Tuned             `json:"tuned"`
}

// Service is what stands behind a path, and who its tokens must be for.
type Service struct {
	Address  string `json:"address"`
	Audience string `json:"audience"`
}

// Tuned is what is set in the library; nil: nothing, so that its own defaults hold.
type Tuned struct {
	Cache    float64 `json:"jwks_cache_s"`
	Cooldown float64 `json:"jwks_cooldown_s"`
	Timeout  float64 `json:"jwks_timeout_s"`
	Leeway   float64 `json:"leeway_s"`
}

// Seconds is a duration.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Told are the settings of this replica.
func Told() Settings {
	var settings Settings
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &settings)
	}
	if err != nil {
		log.Fatal(err)
	}
	return settings
}

// Serve listens until the process is ended. Whatever verify returns is taken for a refusal: these libraries have no
// word of their own for keys that could not be had.
func Serve(settings Settings, verify func(ctx context.Context, token, audience string) error) {
	pass := map[string]http.Handler{}
	for name, service := range settings.Services {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: service.Address})
		proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
			status := http.StatusBadGateway
			if e, ok := err.(net.Error); ok && e.Timeout() {
				status = http.StatusGatewayTimeout
			}
			http.Error(w, err.Error(), status)
		}
		proxy.ErrorLog = log.New(os.Stderr, "", 0)
		pass[name] = proxy
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		// RFC 6750 section 2.1: in one header, under one scheme.
		given := r.Header.Values("Authorization")
		if len(given) != 1 || len(given[0]) < 8 || !strings.EqualFold(given[0][:7], "Bearer ") {
			w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
			http.Error(w, "no bearer token", http.StatusUnauthorized)
			return
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		service, known := settings.Services[name]
		if !known {
			http.Error(w, "no such API", http.StatusNotFound)
			return
		}
		if err := verify(r.Context(), given[0][7:], service.Audience); err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, fmt.Sprint(err), http.StatusUnauthorized)
			return
		}
		pass[name].ServeHTTP(w, r)
	}
	log.Fatal(http.ListenAndServe(settings.Listen, http.HandlerFunc(handler)))
}
