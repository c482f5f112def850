package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	internalapi "k8s.io/cri-api/pkg/apis"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
)

// runtime tells the reader of logs what a container runtime would tell it about one container.
type runtime struct {
	internalapi.RuntimeService
	host                      *host
	namespace, pod, container string
}

// ContainerStatus says where an attempt's log is and whether the attempt still runs, which ends or continues a follow.
func (r *runtime) ContainerStatus(_ context.Context, id string, _ bool) (*cri.ContainerStatusResponse, error) {
	pod, found := r.host.GetPodByName(r.namespace, r.pod)
	if !found {
		return nil, fmt.Errorf("pod %q is gone", r.pod)
	}
	faults, err := r.faults()
	if err != nil || faults.Removed {
		return nil, fmt.Errorf("container %q has been removed", id)
	}
	status, _ := containerStatus(pod, r.container)
	path, err := r.logOf(status, id)
	if err != nil {
		return nil, err
	}
	state := cri.ContainerState_CONTAINER_EXITED
	if status.State.Running != nil && kubecontainer.ParseContainerID(status.ContainerID).ID == id {
		state = cri.ContainerState_CONTAINER_RUNNING
	}
	return &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{Id: id, State: state, LogPath: path}}, nil
}

func (r *runtime) faults() (*faults, error) {
	return readFaults(filepath.Join(r.folder(), "faults.json"))
}

func (r *runtime) folder() string {
	return filepath.Join(r.host.logs, r.namespace, r.pod, r.container)
}

// logOf gives the file of an attempt: attempts are numbered by how many restarts there were before them. A container
// that has not written anything has an empty log.
func (r *runtime) logOf(status v1.ContainerStatus, id string) (string, error) {
	attempt := status.RestartCount
	if kubecontainer.ParseContainerID(status.ContainerID).ID != id {
		attempt--
	}
	if err := os.MkdirAll(r.folder(), 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(r.folder(), fmt.Sprintf("%d.log", attempt))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return "", err
	}
	return path, file.Close()
}
