package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	crilogs "k8s.io/cri-client/pkg/logs"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
	"k8s.io/kubernetes/pkg/kubelet/images"
	"k8s.io/kubernetes/pkg/kubelet/server"
)

const lookUpTimeout = 10 * time.Second

// host is the kubelet behind the server, as far as logs need one. Anything else that is asked of it panics, which the
// one who asked sees as a cut connection.
type host struct {
	server.HostInterface
	client kubernetes.Interface
	logs   string
}

func (h *host) GetPodByName(namespace, name string) (*v1.Pod, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	pod, err := h.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	return pod, err == nil
}

// SyncLoopHealthCheck is part of /healthz.
func (h *host) SyncLoopHealthCheck(_ *http.Request) error { return nil }

// GetKubeletContainerLogs does what the method of the same name does in a kubelet, in the same order.
func (h *host) GetKubeletContainerLogs(
	ctx context.Context, podFullName, container string, asked *v1.PodLogOptions, stdout, stderr io.Writer,
) error {
	name, namespace, err := kubecontainer.ParsePodFullName(podFullName)
	if err != nil {
		return err
	}
	pod, found := h.GetPodByName(namespace, name)
	if !found {
		return fmt.Errorf("pod %q cannot be found - no logs available", name)
	}
	id, err := attemptToRead(pod, container, asked.Previous)
	if err != nil {
		return err
	}
	// A kubelet commits to status 200 here: what goes wrong from now on is told in the body, as if it were a line.
	if stdout != nil {
		if _, err := stdout.Write([]byte{}); err != nil {
			return err
		}
	}
	runtime := &runtime{host: h, namespace: namespace, pod: name, container: container}
	status, err := runtime.ContainerStatus(ctx, id.ID, false)
	if err != nil {
		return fmt.Errorf("unable to retrieve container logs for %v", id.String())
	}
	faults, err := runtime.faults()
	if err != nil {
		return err
	}
	out, errors := faults.around(ctx, stdout, stderr)
	return crilogs.ReadLogs(ctx, status.GetStatus().GetLogPath(), id.ID, logOptions(asked), runtime, out, errors)
}

// logOptions translates as the kubelet does.
func logOptions(asked *v1.PodLogOptions) *crilogs.LogOptions {
	options := &crilogs.LogOptions{
		TailLines:  asked.TailLines,
		LimitBytes: asked.LimitBytes,
		Follow:     asked.Follow,
		Timestamp:  asked.Timestamps,
	}
	if asked.SinceSeconds != nil {
		options.Since = time.Now().Add(-time.Duration(*asked.SinceSeconds) * time.Second)
	}
	if asked.SinceTime != nil && asked.SinceTime.After(options.Since) {
		options.Since = asked.SinceTime.Time
	}
	return options
}

// attemptToRead chooses the attempt of a container whose log is wanted, and refuses in a kubelet's words where there is
// none: those of its validateContainerLogStatus.
func attemptToRead(pod *v1.Pod, container string, previous bool) (kubecontainer.ContainerID, error) {
	status, found := containerStatus(pod, container)
	if !found {
		return refuse("container %q in pod %q is not available", container, pod.Name)
	}
	current, last := status.State, status.LastTerminationState.Terminated
	switch {
	case previous && (last == nil || last.ContainerID == ""):
		return refuse("previous terminated container %q in pod %q not found", container, pod.Name)
	case previous:
		return kubecontainer.ParseContainerID(last.ContainerID), nil
	case current.Running != nil:
		return kubecontainer.ParseContainerID(status.ContainerID), nil
	case current.Terminated != nil && current.Terminated.ContainerID != "":
		return kubecontainer.ParseContainerID(current.Terminated.ContainerID), nil
	case last != nil && last.ContainerID != "":
		return kubecontainer.ParseContainerID(last.ContainerID), nil
	case current.Terminated != nil || last != nil:
		return refuse("container %q in pod %q is terminated", container, pod.Name)
	case current.Waiting == nil:
		return refuse("container %q in pod %q is waiting to start - no logs yet", container, pod.Name)
	}
	return refuse("container %q in pod %q is waiting to start: %v", container, pod.Name, whyItWaits(current.Waiting))
}

func whyItWaits(waiting *v1.ContainerStateWaiting) string {
	switch waiting.Reason {
	case images.ErrImagePull.Error():
		return "image can't be pulled"
	case images.ErrImagePullBackOff.Error():
		return "trying and failing to pull image"
	}
	return waiting.Reason
}

func refuse(format string, values ...any) (kubecontainer.ContainerID, error) {
	return kubecontainer.ContainerID{}, fmt.Errorf(format, values...)
}

func containerStatus(pod *v1.Pod, name string) (v1.ContainerStatus, bool) {
	kinds := [][]v1.ContainerStatus{
		pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses,
	}
	for _, statuses := range kinds {
		if status, found := podutil.GetContainerStatus(statuses, name); found {
			return status, true
		}
	}
	return v1.ContainerStatus{}, false
}
