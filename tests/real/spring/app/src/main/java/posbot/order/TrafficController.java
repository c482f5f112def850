package posbot.order;

import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.AvailabilityState;
import org.springframework.boot.availability.LivenessState;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** Lets a test say what a service says of itself while it warms up, drains or gives up. */
@RestController
@ResponseStatus(HttpStatus.NO_CONTENT)
class TrafficController {

    private final ApplicationEventPublisher events;

    TrafficController(ApplicationEventPublisher events) {
        this.events = events;
    }

    @PostMapping("/traffic/refuse")
    void refuse() {
        announce(ReadinessState.REFUSING_TRAFFIC);
    }

    @PostMapping("/traffic/accept")
    void accept() {
        announce(ReadinessState.ACCEPTING_TRAFFIC);
    }

    @PostMapping("/traffic/break")
    void breakDown() {
        announce(LivenessState.BROKEN);
    }

    @PostMapping("/traffic/mend")
    void mend() {
        announce(LivenessState.CORRECT);
    }

    private <S extends AvailabilityState> void announce(S state) {
        AvailabilityChangeEvent.publish(events, this, state);
    }
}
