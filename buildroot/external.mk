include $(sort $(wildcard $(BR2_EXTERNAL_POSTHORN_PATH)/package/*/*.mk))
