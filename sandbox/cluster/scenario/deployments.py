"""A deployment and its pods: from one image to the next, as far as it gets."""

import asyncio

from sandbox.cluster.scenario import controller_status, controllers, failures, manifests
from sandbox.cluster.state.kinds import Json


class Deployment(controllers.DeploymentController):
    """A deployment that things happen to."""

    async def rolls_out(
        self,
        *,
        image: str = "",
        git: str = "",
        change_cause: str = "",
        gets_stuck: bool = False,
        progress: int | None = None,
        is_observed: bool = True,
        step_seconds: float = 0.0,
    ) -> None:
        """
        Go over to a new template, one pod at a time: a new one is made, becomes ready, and an old one ends.

        *progress* stops after so many new pods are ready, while the next one is being created; `goes_on` continues.
        *gets_stuck* lets no further pod become ready and the deadline pass. Without *is_observed* the controller has
        not even looked yet. *step_seconds* is the time from one pod to the next.
        """
        self._change_template(image, git, change_cause)
        self._is_observed = is_observed
        if not is_observed:
            return
        self._begins(self._replica_set_of_template())
        wanted = int(self.document["spec"]["replicas"])
        await self._advance(wanted if progress is None and not gets_stuck else progress or 0, step_seconds)
        if gets_stuck:
            self.gets_stuck()

    async def continues(self, *, progress: int | None = None, step_seconds: float = 0.0) -> None:
        """Go on with a rollout, to its end or until so many new pods are ready."""
        if not self._is_observed:
            self._begins(self._replica_set_of_template())
        wanted = int(self.document["spec"]["replicas"])
        await self._advance(wanted if progress is None else progress, step_seconds)

    def gets_stuck(self) -> None:
        """Exceed the progress deadline."""
        self._progress = controller_status.Progress.LATE
        self.settle()

    async def rolls_back(self, *, to_revision: int = 0, step_seconds: float = 0.0) -> None:
        """Go back to an earlier revision, which becomes the newest; without a number, to the one before."""
        sets = self.replica_sets
        target = next((one for one in sets if controller_status.revision_of(one) == to_revision), sets[-2])
        template = controller_status.bare_template(target)
        self._edit(lambda document: controller_status.renew(document, template))
        self._begins(target)
        await self._advance(int(self.document["spec"]["replicas"]), step_seconds)

    async def scales(self, replicas: int) -> None:
        """Have so many pods: new ones are added, the youngest go first."""
        self._edit(lambda document: document["spec"].update(replicas=replicas))
        newest = self.replica_sets[-1]
        self._resize(newest, replicas)
        while len(self.new_pods) > replicas:
            self._drops_pod(self.new_pods[-1], newest)
        self.settle()
        await asyncio.sleep(0)

    def pauses(self) -> None:
        """Be paused: changes of the template are not rolled out."""
        self._edit(lambda document: document["spec"].update(paused=True))
        self._progress = controller_status.Progress.PAUSED
        self.settle()

    async def _advance(self, ready: int, step_seconds: float) -> None:
        """Go on until so many new pods are ready, and where that is not the end, until the next one is there."""
        replica_set, wanted = self.replica_sets[-1], int(self.document["spec"]["replicas"])
        for number in range(1, wanted + 1):
            self._is_settling = True
            if len(self.new_pods) < number:
                self._resize(replica_set, number)
                self._adds_pod(replica_set)
            self._is_settling = False
            self.settle()
            await asyncio.sleep(step_seconds)
            if number > ready:
                return
            self._completes(self.new_pods[number - 1])
        self._progress = controller_status.Progress.DONE
        self.settle()

    def _completes(self, pod: failures.Pod) -> None:
        if not pod.is_ready:
            pod.starts(log=self._beginning.log)
        while self._surplus > 0:
            leaving = next(one for one in self.old_pods if controller_status.is_active(one.document))
            owner = next(one for one in self.replica_sets if leaving in self._pods_of(one))
            self._resize(owner, owner["spec"]["replicas"] - 1)
            self._drops_pod(leaving, owner)

    @property
    def _surplus(self) -> int:
        """Count the pods above what is wanted that an older revision still has."""
        old = sum(controller_status.is_active(pod.document) for pod in self.old_pods)
        new = sum(controller_status.is_active(pod.document) for pod in self.new_pods)
        return min(old, old + new - int(self.document["spec"]["replicas"]))

    def _change_template(self, image: str, git: str, change_cause: str) -> None:
        def edit(document: Json) -> None:
            template = document["spec"]["template"]
            annotations = template["metadata"]["annotations"]
            if git:
                annotations[manifests.GIT_ANNOTATION] = git
            if image:
                template["spec"]["containers"][0]["image"] = image
            else:
                annotations["kubectl.kubernetes.io/restartedAt"] = controller_status.stamp(self._world.clock.now())
            if change_cause:
                document["metadata"]["annotations"][manifests.CHANGE_CAUSE] = change_cause

        self._edit(edit)
