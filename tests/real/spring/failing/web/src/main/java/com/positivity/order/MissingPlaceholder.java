package com.positivity.order;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Component;

@Component
@Profile("placeholder")
class OrderQueue {

    OrderQueue(@Value("${pos.queue}") String name) {
    }
}
