package com.positivity.order;

import org.springframework.context.annotation.Profile;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
@Profile("mapping-ambiguous")
class OrderController {

    @GetMapping("/orders")
    String all() {
        return "[]";
    }
}

@RestController
@Profile("mapping-ambiguous")
class LegacyOrderController {

    @GetMapping("/orders")
    String list() {
        return "[]";
    }
}
