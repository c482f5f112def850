// Command kubelet answers the API server's requests for container logs on behalf of nodes that do not exist.
//
// It is the kubelet's own HTTP server and the kubelet's own reader of log files, without the rest of a kubelet: no
// container runs. What a container "is" stands in its pod's status, what it "wrote" stands in files, which tests write:
//
//	LOGS/NAMESPACE/POD/CONTAINER/0.log        what the first attempt wrote, in the format of container runtimes
//	LOGS/NAMESPACE/POD/CONTAINER/1.log        what it wrote after its first restart, and so on
//	LOGS/NAMESPACE/POD/CONTAINER/faults.json  what goes wrong while they are read, see faults.go
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // makes the options of a request for logs known to their decoder
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/server"
)

type options struct {
	address, kubeconfig, logs, certificate, key, clientAuthority string
}

func main() {
	var given options
	flag.StringVar(&given.address, "address", "", "where to serve: HOST:PORT")
	flag.StringVar(&given.kubeconfig, "kubeconfig", "", "how to reach the API server, to look up pods")
	flag.StringVar(&given.logs, "logs", "", "the folder of log files")
	flag.StringVar(&given.certificate, "tls-cert-file", "", "the server's certificate")
	flag.StringVar(&given.key, "tls-private-key-file", "", "the key of that certificate")
	flag.StringVar(&given.clientAuthority, "client-ca-file", "", "who signs the certificates of clients")
	flag.Parse()
	if err := serve(given); err != nil {
		log.Fatal(err)
	}
}

func serve(given options) error {
	config, err := clientcmd.BuildConfigFromFlags("", given.kubeconfig)
	if err != nil {
		return err
	}
	// Every request looks its pod up, so a client that waits its turn would make logs slow.
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	authority, err := clientAuthority(given.clientAuthority)
	if err != nil {
		return err
	}
	ctx := klog.NewContext(context.Background(), klog.Background())
	handler := server.NewServer(ctx, &host{client: client, logs: given.logs}, nil, nil, nil, nil,
		&kubeletconfig.KubeletConfiguration{EnableDebuggingHandlers: true})
	listening := &http.Server{
		Addr:              given.address,
		Handler:           &handler,
		ReadHeaderTimeout: time.Minute,
		// Whoever has no certificate of the cluster's is refused, as a kubelet refuses anonymous requests.
		TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority, MinVersion: tls.VersionTLS12},
	}
	return listening.ListenAndServeTLS(given.certificate, given.key)
}

func clientAuthority(path string) (*x509.CertPool, error) {
	certificate, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificate) {
		return nil, errors.New("no certificate in " + path)
	}
	return pool, nil
}
