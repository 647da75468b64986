// What all programs share: the picture's matrices and light. Colours are linear and already hold the exposure.
layout(std140) uniform Frame {
    mat4 clip_from_world;
    mat4 shadow_from_world; // place in the shadow map, 0..1 each, nearer to the light by the bias
    vec4 eye;
    vec4 to_light;
    vec4 light;
    vec4 ambient;
};
